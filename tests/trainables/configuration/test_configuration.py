import pytest

from trainables.common import ConfigurationError
from trainables.configuration import Configuration

PINNED = {  # literal keys: a change here orphans every record that was ever made
    "default": ({}, "ede0de807492"),
    "final norm": ({"network.final_norm": "batch"}, "25def9933f3d"),
    "lists": ({"data.source": "mnist", "data.minority": "3,5", "data.majority": "8"}, "c600fc22cdad"),
    "float": ({"optimiser.learning_rate": 3e-3, "optimiser.weight_decay": 0.01}, "e0ec6ff1c83f"),
    "cnn": ({"network.name": "cnn", "schedule.epochs": 20, "loss.class_weights": "inverse"}, "eeab5d66f097"),
}


@pytest.mark.parametrize(("changes", "key"), PINNED.values(), ids=PINNED.keys())
def test_keys_are_pinned(changes: dict[str, object], key: str) -> None:
    assert Configuration().replace(changes).key == key


def test_a_default_that_is_written_out_does_not_change_the_key() -> None:
    assert Configuration().replace({"optimiser.learning_rate": "0.001"}).key == Configuration().key


def test_flat_round_trip_keeps_class_names_with_commas() -> None:
    configuration = Configuration.model_validate({"data": {"minority": ("a,b", "c"), "majority": ("d",)}})
    assert Configuration.from_flat(configuration.flat()) == configuration


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimiser.learning_rate": -1}, "optimiser.learning_rate: got -1: Input should be greater than 0"),
        ({"optimiser.learning_rate": "nan"}, "optimiser.learning_rate: got 'nan': Input should be a finite number"),
        ({"lerning_rate": 1}, "did you mean optimiser.learning_rate?"),
        ({"network.weights": "best"}, "network.weights: got 'best'; allowed: none, imagenet, or sha256:"),
        ({"network.name": "cnn", "network.cut": "layer3"}, "belong to image backbones; got cnn"),
        ({"network.name": "resnet18", "network.trainable": "head"}, "trainable=head needs network.weights"),
        ({"loss.beta": 0.9}, "loss.beta belongs to loss.class_weights=effective; got none"),
        ({"data.source": "minst"}, "data.source: got 'minst'; allowed: digits, mnist, plantvillage:PLANT"),
        ({"network.output": "sigmoid"}, "network.output=sigmoid goes with loss.name=bce; got cce"),
        ({"data.minority": "3,3"}, "a class can be named once"),
        ({"network.name": "cnn", "network.hidden": 64}, "belong to network.name=dense; got cnn"),
        ({"schedule.batch_size": 1}, "schedule.batch_size: got 1"),
    ],
)
def test_bad_values_say_what_was_got_and_what_is_allowed(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Configuration().replace(changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
