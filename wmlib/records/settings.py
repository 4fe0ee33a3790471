"""What a setting may be, said at its field: `steps: Annotated[int, Ge(2), GROWS] = 10`.

Bounds come from annotated-types. A number without one is at least 1 if it is whole, else above 0.
The marks below say what a stage that was started with another value does (wmlib.records.stage).
"""

import dataclasses
import math
import operator
from types import UnionType
from typing import Any, Literal, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt

from wmlib.errors import UserError

GROWS = "may become more: the stage goes on to it"
CHANGES = "may be another when the stage goes on"
FOLLOWS = "is what the stage reads: where it is another, the stage brings its result up to date"
SPEED = "decides how fast a stage is and, but for rounding, nothing else"

Settings = TypeVar("Settings", bound="Checked")


class Checked:
    """A frozen dataclass of settings that refuses numbers and words which make no sense."""

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            _check_words(name, getattr(self, name), hint)
        for name, notes in field_notes(type(self)).items():
            value = getattr(self, name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                _check_number(name, value, notes)

    @classmethod
    def migrated(cls, facts: dict[str, Any]) -> dict[str, Any]:
        """What an older manifest says, with the names and places of now."""
        return facts

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Self:
        """The settings that a manifest tells, an older one too; what it lacks has its default."""
        return _build(cls, facts)


def field_notes(kind: Any) -> dict[str, tuple[Any, ...]]:
    """Bounds and marks at each field of a settings class."""
    hints = get_type_hints(kind, include_extras=True)
    fields = dataclasses.fields(kind)
    return {f.name: getattr(hints[f.name], "__metadata__", ()) for f in fields}


_RULES = {
    Ge: (operator.ge, "at least"),
    Gt: (operator.gt, "above"),
    Le: (operator.le, "at most"),
    Lt: (operator.lt, "below"),
}


def _check_words(name: str, value: Any, hint: Any) -> None:
    """UserError where a field takes one of some words, or a tuple of them, and has another."""
    if get_origin(hint) is tuple:
        hint, *_ = get_args(hint)
    if get_origin(hint) is not Literal:
        return
    for word in value if isinstance(value, tuple) else (value,):
        if word not in get_args(hint):
            told = ", ".join(map(str, get_args(hint)))
            raise UserError(f"--{name.replace('_', '-')} {word}: choose one of {told}")


def _check_number(name: str, value: float, notes: tuple[Any, ...]) -> None:
    bounds = [b for note in notes for b in (note if isinstance(note, GroupedMetadata) else [note])]
    bounds = [b for b in bounds if isinstance(b, Ge | Gt | Le | Lt)]
    bounds = bounds or [Ge(1) if isinstance(value, int) else Gt(0)]
    limits = [dataclasses.astuple(bound)[0] for bound in bounds]  # type: ignore[arg-type]
    rules = [(*_RULES[type(bound)], limit) for bound, limit in zip(bounds, limits)]
    if math.isfinite(value) and all(holds(value, limit) for holds, _, limit in rules):
        return
    rule = " and ".join(f"{words} {limit}" for _, words, limit in rules)
    rule = rule if math.isfinite(value) else "a finite number"
    raise UserError(f"--{name.replace('_', '-')} {value}: must be {rule}")


# ---------------------------------------------------------------- settings in manifests


def _build(kind: type[Settings], facts: dict[str, Any]) -> Settings:
    facts, hints = kind.migrated(facts), get_type_hints(kind)
    known = [f.name for f in dataclasses.fields(kind) if f.name in facts]  # type: ignore[arg-type]
    try:
        return kind(**{name: _value(hints[name], facts[name]) for name in known})
    except TypeError as error:
        raise UserError(f"these settings are not whole: {error}") from None


def _value(hint: Any, value: Any) -> Any:
    """A value as JSON has it, as the field wants it."""
    if isinstance(value, dict):
        kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        named = [k for k in kinds if len(kinds) == 1 or k.kind == value.get("kind")]
        if not named:
            raise UserError(f"these settings name no known kind: {value.get('kind')}")
        return _build(named[0], value)
    return tuple(value) if isinstance(value, list) else value


def _flat(
    config: Any, prefix: str = "", outer: tuple[Any, ...] = ()
) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    """(value, notes) of each setting, of those inside of others too: `memory.n_h`, which has the
    notes of `memory`. Its own say what M's stage may do; of them only SPEED holds for the whole."""
    found: dict[str, tuple[Any, tuple[Any, ...]]] = {}
    for name, own in field_notes(type(config)).items():
        value = getattr(config, name)
        notes = (*outer, *(note for note in own if not prefix or note == SPEED))
        if dataclasses.is_dataclass(value):
            found |= _flat(value, f"{prefix}{name}.", notes)
        else:
            found[prefix + name] = value, notes
    return found


def changed(before: Any, now: Any) -> dict[str, tuple[Any, Any, tuple[Any, ...]]]:
    """(old, new, notes) of each setting that differs and is not a matter of speed."""
    old, new = _flat(before), _flat(now)
    return {
        name: (old.get(name, (None,))[0], new.get(name, (None,))[0], notes)
        for name, (_, notes) in {**old, **new}.items()
        if SPEED not in notes and old.get(name, (None,))[0] != new.get(name, (None,))[0]
    }
