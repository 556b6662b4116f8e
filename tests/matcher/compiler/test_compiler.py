"""What surveys are compiled to: registers that are shared, and how the parts show themselves."""

from __future__ import annotations

from matcher.compiler import Compound, Literal, compile_surveys
from matcher.rules import FALSE, TRUE, UNKNOWN, And, Not, Or, TookPart, one_of
from matcher.surveys import Clause, Group, Quota, Reason, Survey

MEN, NORTH, SPORT = one_of("gender", ["M"]), one_of("region", ["n"]), one_of("hobbies", ["1"])


def survey(number: int, *groups: Group, gate: tuple[Clause, ...] = (), live: bool = True) -> Survey:
    return Survey("rfg", str(number), live, gate, groups)


INNER = Group((Quota("a1", NORTH, True, 1, "/0/0/0"),), "/0/0")
OUTER = Group(
    (Quota("a", MEN, True, 1, "/0/0", (INNER,)), Quota("b", SPORT, True, 0, "/0/1")), "/0"
)
GATE = (Clause(Or((MEN, And((NORTH, Not(SPORT))))), Reason.FILTER, "/f"),)


def test_surveys_share_every_register() -> None:
    once = compile_surveys([survey(1, OUTER, gate=GATE)])
    twice = compile_surveys([survey(1, OUTER, gate=GATE), survey(2, OUTER, gate=GATE)])
    assert once.registers == twice.registers
    assert len(set(twice.registers)) == len(twice.registers)
    assert Literal(SPORT, negated=True) in twice.registers
    assert [compiled.gate for compiled in twice.surveys] == [once.surveys[0].gate] * 2


def test_compounds_read_only_registers_before_them() -> None:
    program = compile_surveys([survey(1, OUTER, gate=GATE)])
    compounds = [
        (number, register)
        for number, register in enumerate(program.registers)
        if isinstance(register, Compound)
    ]
    assert compounds
    for number, compound in compounds:
        assert max(compound.registers) < number


def test_slots_are_numbered_with_their_paths_and_divide_whom_the_outer_one_took() -> None:
    program = compile_surveys([survey(1, OUTER), survey(2, INNER)])
    assert [slot.number for slot in program.slots] == [0, 1, 2, 3]
    assert [slot.ids for slot in program.slots] == [("a",), ("b",), ("a", "a1"), ("a1",)]
    assert [step.source for step in program.surveys[0].steps] == [None, 0]
    assert program.slots[1].takes is None
    assert program.slots[1].matches is not None


def test_what_holds_for_everyone_and_for_nobody_needs_no_register() -> None:
    program = compile_surveys(
        [survey(1), survey(2, live=False), survey(3, gate=(Clause(FALSE, Reason.FILTER, ""),))]
    )
    assert program.registers == ()
    assert [(compiled.gate, compiled.admits) for compiled in program.surveys] == [
        ((), ()),
        ((), None),
        (None, None),
    ]


def test_a_program_tells_what_it_asks_of_a_panel() -> None:
    taken = TookPart("rfg", "survey", ("1",), ("complete",))
    rules = (MEN, Not(taken), UNKNOWN, TRUE)
    gate = tuple(Clause(rule, Reason.FILTER, "") for rule in rules)
    program = compile_surveys([survey(1, gate=gate)])
    assert program.attributes == {"gender"}
    assert program.history == {("rfg", "survey", ("1",), ("complete",))}
    assert Literal(UNKNOWN) in program.registers


def test_parts_show_their_names_and_sizes() -> None:
    program = compile_surveys([survey(1, OUTER, gate=GATE)])
    [compiled] = program.surveys
    registers, slots = len(program.registers), len(program.slots)
    assert repr(program) == f"Program(1 surveys, {registers} registers, {slots} slots)"
    assert repr(compiled) == "Compiled(rfg:1, 2 steps)"
    assert [repr(step) for step in compiled.steps] == [
        "Step(/0, 2 slots)",
        "Step(/0/0, within slot 0, 1 slots)",
    ]
    assert [repr(slot) for slot in program.slots] == ["Slot(0, a)", "Slot(1, b)", "Slot(2, a/a1)"]
    assert repr(Literal(MEN, negated=True)) == f"Literal(not {MEN!r})"
    assert repr(Compound(True, (1, 2))) == "Compound(any of 2 registers)"
