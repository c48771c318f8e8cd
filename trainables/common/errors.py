"""Domain errors: what a user can cause and what a training can run into."""


class StudyError(Exception):
    """Base of every error whose message is meant for the user: one line, what was got and what is allowed."""


class ConfigurationError(StudyError):
    """A setting that does not exist or has a value that is not allowed."""


class DataError(StudyError):
    """Data that is missing, unreadable, or too little for the counts asked."""


class UnavailableError(StudyError):
    """What a command needs of the world is not to be had now: Ray, room on a disk, a server. Not the user's mistake."""


class RecordError(UnavailableError):
    """A run folder that cannot be written, or a file in it whose checksum does not match its record."""


def first_line(error: BaseException) -> str:
    """Returns the first line of what an error says, at most 200 characters, or its kind where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


class NonFiniteLossError(StudyError):
    """The training loss became NaN or infinite."""

    def __init__(self, seed: int, epoch: int, loss: float) -> None:
        super().__init__(f"seed {seed}: training loss is {loss} in epoch {epoch}; a lower learning rate may help")
        self.seed, self.epoch, self.loss = seed, epoch, loss
