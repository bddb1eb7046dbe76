"""At which sizes answers are wrong: the backend is asked wherever the conditions that are still possible disagree."""

from collections.abc import Callable, Iterator
from itertools import combinations, product

from conformance.diagnosis.experiments.conditions import LETTERS, Rule, find_rules, meets_rule
from conformance.diagnosis.experiments.laboratory import Finding, Laboratory, OutOfTime, Said, Sizes, name_sizes

SMALL: Sizes = (3, 2, 4, 5)
VALUES = (*range(1, 13), *range(15, 18), 20, 24, *range(31, 34), 40, *range(63, 66), 100, *range(127, 130), 150)
LARGE = (192, 255, 256, 257, 300, 400, 511, 512, 513)
ALONE, TOGETHER, LONG = (40, 140, 192, 300), (40, 70), (600, 1, 2, 3)
MOST = 120  # questions
WORK = 40_000_000  # multiplications of the largest question
AGREED = 12  # questions that confirm a rule when nothing is left to decide

SWEPT = (*VALUES, *LARGE)  # of a size that a rule is about
Ask = Callable[[Sizes], tuple[Sizes, Said]]  # the sizes that were asked, the nearest allowed ones, and what came of it


class Survey:
    """What was asked at which sizes, and what came of it."""

    def __init__(self, ask: Ask) -> None:
        self.ask = ask
        self.known: dict[Sizes, bool] = {}
        self.tried: dict[Sizes, Said] = {}
        self.seen: set[Sizes] = set()  # with those for which others were asked

    def ask_at(self, sizes: Sizes) -> None:
        """Ask at these sizes, or at the nearest allowed ones, unless that was done. Raises OutOfTime."""
        if measure_work(sizes) > WORK or sizes in self.seen:
            return
        self.seen.add(sizes)
        asked, said = self.ask(sizes)
        if asked in self.tried:
            return
        self.tried[asked] = said
        self.seen.add(asked)
        if said in ("right", "wrong"):
            self.known[asked] = said == "wrong"

    @property
    def wrong(self) -> list[Sizes]:
        """The sizes with wrong answers, the smallest first."""
        return sorted((at for at, is_wrong in self.known.items() if is_wrong), key=measure_work)

    @property
    def right(self) -> list[Sizes]:
        """The sizes with right answers, the smallest first."""
        return sorted((at for at, is_wrong in self.known.items() if not is_wrong), key=measure_work)


def measure_work(sizes: Sizes) -> int:
    """Roughly how many multiplications a question takes; each step takes as much as a thousand."""
    T, B, I, H = sizes
    return T * (1000 + B * 4 * H * (I + H)) + 40 * H * (I + H)


def find_condition(laboratory: Laboratory, start: Sizes | None = None) -> Finding | None:
    """At which sizes the answers are wrong, beginning with those at which one was; None if none is."""

    def ask_at(sizes: Sizes) -> tuple[Sizes, Said]:
        question = laboratory.make_question(sizes)
        return question.problem.sizes, laboratory.judge(question).said

    return decide_condition(ask_at, start, sweeps=not laboratory.backend.description.compiles)


def decide_condition(ask_at: Ask, start: Sizes | None = None, sweeps: bool = True) -> Finding | None:
    """At which sizes answers are wrong, if asking at some says so; None if none is wrong.

    `sweeps`: whether a size costs so little that many values are tried of each, and of what a rule is about.
    """
    survey, rules, is_decided = Survey(ask_at), list[Rule](), False
    try:
        for sizes in ([start] if start else []) + list_first_sizes():
            survey.ask_at(sizes)
        for k, n in product(range(4), VALUES if sweeps else ()):
            if not survey.wrong:
                survey.ask_at(_put_in(SMALL, {k: n}))
        if survey.wrong:
            rules, is_decided = decide_rules(survey, sweeps)
    except OutOfTime:
        rules = find_rules(survey.known) if survey.wrong else []
    if not survey.wrong:
        return None
    tried = tuple((name_sizes(at), said) for at, said in survey.tried.items())
    is_everywhere, sentence = len(survey.wrong) == len(survey.known), describe_sizes(survey, rules[:1], is_decided)
    is_certain = is_everywhere or (bool(rules) and is_decided)
    return Finding(sentence, is_certain, tried, is_limited=not is_everywhere, smallest=survey.wrong[0])


def list_first_sizes() -> list[Sizes]:
    """Small sizes, ones, equal ones, each large alone, and any two of them large."""
    found = [
        SMALL,
        (1, 1, 1, 1),
        (4, 3, 5, 5),
        (2, 2, 7, 3),
        (3, 3, 2, 8),
        (5, 1, 4, 6),
        (1, 2, 3, 7),
        (8, 4, 6, 16),
        (2, 1, 3, 64),
    ]
    found += [_put_in(SMALL, {k: n}) for n in ALONE for k in range(4)]
    found += [_put_in(SMALL, dict.fromkeys(pair, n)) for n in TOGETHER for pair in combinations(range(4), 2)]
    return [*found, LONG]


def _put_in(sizes: Sizes, changed: dict[int, int]) -> Sizes:
    return tuple(changed.get(k, n) for k, n in enumerate(sizes))  # type: ignore[return-value]


def decide_rules(survey: Survey, sweeps: bool = False) -> tuple[list[Rule], bool]:
    """The rules that agree with everything, after asking where they disagree; whether nothing is left to ask.

    A rule that no other one contradicts is confirmed at sizes near those that are known, and at many of its own.
    """
    confirmed = 0
    for _ in range(MOST):
        rules = find_rules(survey.known)
        pool = [at for at in dict.fromkeys(list_sizes_to_ask(survey, rules)) if at not in survey.seen]
        if not pool or (rules and confirmed >= AGREED):
            if not (sweeps and rules and sweep_rule(survey, rules[0])):
                return rules, bool(rules)
            confirmed = 0
            continue
        if not rules and len(survey.known) > MOST // 2:
            return [], False
        at = choose_sizes(pool, rules, wants_wrong=confirmed % 2 == 0)
        confirmed = confirmed + 1 if _weigh_agreement(rules, at) == 1 else 0
        survey.ask_at(at)
    return find_rules(survey.known), False


def sweep_rule(survey: Survey, rule: Rule) -> bool:
    """Ask at many values of the sizes that a rule is about, and at no other; whether one contradicts it."""
    for base, k in product(survey.wrong[:1], {k for one in rule for k in one.letters}):
        for n in SWEPT:
            survey.ask_at(_put_in(base, {k: n}))
    return any(meets_rule(rule, at) != is_wrong for at, is_wrong in survey.known.items())


def choose_sizes(pool: list[Sizes], rules: list[Rule], wants_wrong: bool) -> Sizes:
    """Where the rules disagree most; if nowhere, the smallest sizes at which they say that answers are wrong, or not.

    A second condition that they lack shows where a size that they do not name is 1.
    """

    def measure_use(at: Sizes) -> tuple[float, bool, int]:
        agreement = _weigh_agreement(rules, at)
        is_other = agreement == 1 and bool(rules) and meets_rule(rules[0], at) != wants_wrong
        return agreement, is_other, measure_work(at)

    return min(pool, key=measure_use)


def _weigh_agreement(rules: list[Rule], at: Sizes) -> float:
    """The share of the rules on the side of the majority: 1 if asking there decides nothing."""
    holding = sum(meets_rule(rule, at) for rule in rules[:60])
    return max(holding, len(rules[:60]) - holding) / max(len(rules[:60]), 1)


def list_sizes_to_ask(survey: Survey, rules: list[Rule]) -> Iterator[Sizes]:
    """Sizes near known ones, one or two of them changed, as far as they are not too large."""
    bases = [*survey.wrong[:2], *survey.right[:1], SMALL]
    for base in bases:
        for at in _list_changes(base, rules):
            if measure_work(at) <= WORK:
                yield at


def _list_changes(base: Sizes, rules: list[Rule]) -> Iterator[Sizes]:
    limits = {(one.letters, one.k) for rule in rules[:60] for one in rule if one.kind in ("≥", "≤", "=")}
    for k, n in product(range(4), (*VALUES, *LARGE)):
        yield _put_in(base, {k: n})
    for k, other in product(range(4), range(4)):
        yield from (_put_in(base, {k: base[other] + more}) for more in (0, 1) if k != other)
    for letters, k in limits:
        near = (k - 1, k, k + 1)
        if len(letters) == 1:
            yield from (_put_in(base, {letters[0]: n}) for n in near if n > 0)
            continue
        for n, share in product(near, (1, 2, 3, 16, 64)):
            first, second = letters[:2] if len(letters) == 2 else (letters[1], letters[2])
            rest = base[letters[0]] if len(letters) == 3 else 1
            for a, b in ((first, second), (second, first)):
                if n >= share * rest:
                    yield _put_in(base, {a: share, b: n // (share * rest)})


# ---------------------------------------------------------------- in words


def describe_sizes(survey: Survey, rules: list[Rule], is_decided: bool) -> str:
    """Under which condition the answers are wrong, or may be, and the smallest sizes at which one is."""
    wrong, many = survey.wrong, len(survey.known)
    smallest = ", ".join(f"{letter} = {n}" for letter, n in zip(LETTERS, wrong[0], strict=True))
    if len(wrong) == many:
        return f"at all {many} sizes tried, the smallest {smallest}"
    count = f"wrong at {len(wrong)} of {many} sizes tried, the smallest {smallest}"
    if not rules:
        return f"only at some sizes, and no simple rule says which ({count})"
    return f"{'' if is_decided else 'perhaps '}only where {' and '.join(map(str, rules[0]))} ({count})"
