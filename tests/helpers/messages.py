"""What tests of the command line share: which properties are asked, and what a refusal looks like."""

WRONG_OPTION = 2
QUICK = ("--profile", "quick", "--examples", "2")
EQUATIONS = (*QUICK, "-k", "the_answer_is_that_of_the_equations")
GATE_GRADIENTS = (*QUICK, "-k", "the_gate_gradients_are_the_derivatives")


def assert_one_sentence(text: str, *fragments: str) -> None:
    assert text.startswith("lstm-conform: "), text
    assert text.count("\n") == 1, f"more than one line: {text}"
    for fragment in fragments:
        assert fragment in text, text
