"""A tool's defaults are a named set of changes: what they are, where they go, what they never touch, how they show."""

import pytest

from study.evidence import group_records
from study.studies import DEFAULTS, find, under_defaults
from study.studies.profiles import PROFILES, TOOL_OF_STUDY, profile_of
from tests.support.records import make_record
from trainables.common import ConfigurationError
from trainables.configuration import Configuration


def _changed(study: str, profile: str, arm: str) -> dict[str, object]:
    declared = find([study])[0]
    before = declared.arm(arm).configuration.flat()
    after = under_defaults(declared, profile).arm(arm).configuration.flat()
    return {name: value for name, value in after.items() if value != before[name]}


def test_keras_values_are_those_of_its_layers_and_optimiser() -> None:
    expected = {"network.norm_momentum": 0.01, "network.norm_eps": 1e-3, "network.initialisation": "glorot",
                "optimiser.name": "adam", "optimiser.eps": 1e-7, "schedule.last_batch": "kept"}  # fmt: skip
    assert _changed("table7", "keras", "softmax CCE + final BN") == expected
    assert _changed("table5", "keras", "3 vs 8, ratio 0.01, none") == {**expected, "network.pool": "flatten"}


def test_fastai_values_are_those_of_its_head_and_schedule() -> None:
    expected = {"network.final_norm_momentum": 0.01, "network.initialisation": "kaiming",
                "network.pool": "concatenated", "optimiser.learning_rate": 3e-3, "optimiser.beta2": 0.99,
                "optimiser.weight_decay": 0.01, "optimiser.decays": "all"}  # fmt: skip
    assert _changed("table4", "fastai", "Apple, final BN") == expected
    unfrozen = next(a for a in find(["figure2a"])[0].arms if a.configuration.network.trainable != "head")
    assert _changed("figure2a", "fastai", unfrozen.name) == {**expected, "optimiser.backbone_rate": 0.1}


@pytest.mark.parametrize(("study", "profile"), TOOL_OF_STUDY.items())
def test_a_profile_never_sets_what_a_study_varies(study: str, profile: str) -> None:
    declared = find([study])[0]
    changed = under_defaults(declared, profile)
    assert under_defaults(declared, "paper") == changed
    for name in declared.arms[0].configuration.flat():
        values = [arm.configuration.flat()[name] for arm in declared.arms]
        after = [arm.configuration.flat()[name] for arm in changed.arms]
        if name not in ("optimiser.learning_rate", "optimiser.backbone_rate"):  # these follow what of a backbone trains
            assert len(set(map(str, after))) >= len(set(map(str, values))), name
    keys = {arm.configuration.key for arm in changed.arms}
    assert len(keys) == len(declared.arms)


def test_decay_stays_as_factorial_varies_it_and_augmentation_takes_the_tools_form_where_it_is_on() -> None:
    for arm in under_defaults(find(["factorial"])[0], "fastai").arms:
        before = find(["factorial"])[0].arm(arm.name).configuration
        assert arm.configuration.optimiser.weight_decay == before.optimiser.weight_decay
        expected = "fastai" if before.augmentation.transform == "leaves" else "none"
        assert arm.configuration.augmentation.transform == expected


def test_a_profile_that_says_nothing_of_a_network_is_refused() -> None:
    with pytest.raises(
        ConfigurationError, match="--defaults keras: its values are of dense and cnn; table4 has resnet34"
    ):
        under_defaults(find(["table4"])[0], "keras")
    with pytest.raises(ConfigurationError, match="--defaults fastai: its values are of a backbone with a head"):
        under_defaults(find(["digits"])[0], "fastai")
    with pytest.raises(ConfigurationError, match="got 'torch'; allowed: declared, keras, fastai, paper"):
        under_defaults(find(["digits"])[0], "torch")


def test_a_study_whose_tool_is_not_known_stays_as_declared() -> None:
    declared = find(["digits"])[0]
    assert under_defaults(declared, "paper") == under_defaults(declared, "declared") == declared
    assert ("declared", *PROFILES, "paper") == DEFAULTS


def test_records_are_shown_under_the_tools_name() -> None:
    declared = find(["table7"])[0]
    keras = under_defaults(declared, "keras")
    arms = ("softmax CCE", "softmax CCE + final BN")
    plain, shorter = (
        declared.arm(arms[0]).configuration,
        keras.arm(arms[0]).configuration.replace({"schedule.epochs": 5}),
    )
    records = [make_record(arm, 0, keras.arm(arm).configuration) for arm in arms]
    records += [make_record(arms[0], 0, configuration) for configuration in (plain, shorter)]
    arms_of = {group.label: set(group.records) for group in group_records(declared, records)}
    assert arms_of["as declared"] == arms_of["keras defaults, schedule.epochs=5"] == {arms[0]}
    assert arms_of["keras defaults"] == set(arms)
    assert len(arms_of) == 3


def test_a_value_that_a_user_sets_otherwise_is_shown_with_all_that_is_not_as_declared() -> None:
    declared = find(["table7"])[0]
    configuration = under_defaults(declared, "keras").arms[0].configuration.replace({"network.norm_eps": 1e-4})
    before = declared.arms[0].configuration.flat()
    changes = {name: value for name, value in configuration.flat().items() if value != before[name]}
    name, besides = profile_of(changes, declared, declared.arms[0].name)
    assert name == ""
    assert besides == changes
    assert isinstance(configuration, Configuration)
