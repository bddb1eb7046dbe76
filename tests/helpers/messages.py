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


HOSTILE = (  # what a target may say of itself, to write more than text into a report
    "a|b `c` **d** _e_ ~~f~~ [g](https://h.org) ![i](https://j.org/k.png) <b>l</b> <!-- --> </pre></details><script>",
    "x\n\n# heading\n- item\n| a | b |\n|---|---|\r\n\x0b\x0c\x85\u2028<img src=x>",
    "\x1b[31mred\x1b]0;title\x07 \0 \u202e reversed \ud800 &lt;b&gt; \\| \\",
    "<https://auto.link> https://bare.link www.bare.link @somebody #1 $x^2$ :tada: <details>",
)
