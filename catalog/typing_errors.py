"""Similar words, by the method of SymSpell: two words are similar if they are equal after deleting letters from both.

A word is stored with its deletions ("keys"), so that similar ones are found by an index.
"""

from collections.abc import Iterable
from itertools import combinations

# A letter that is wrong, missing, too many, or exchanged with its neighbour is one error.
SHORTEST_CORRECTED, SHORTEST_WITH_TWO_ERRORS = 4, 8
# Letters of a stored word: shorter ones resemble too many.
SHORTEST_STORED = 3
# Only the first letters are compared by key, which limits the number of keys.
_COMPARED = 8
_BEGINNINGS = range(SHORTEST_CORRECTED, _COMPARED)
# Kinds of keys: with at most one deletion (unmarked), with two, and of beginnings.
_TWO, _BEGINNING = "2", "^"


def most_errors(typed: str) -> int:
    if len(typed) < SHORTEST_CORRECTED:
        return 0
    return 2 if len(typed) >= SHORTEST_WITH_TWO_ERRORS else 1


def stored_keys(word: str) -> list[str]:
    """Return at most 63 keys."""
    head = word[:_COMPARED]
    one = _without(head, 1)
    two = _without(head, 2) - one if len(word) >= SHORTEST_WITH_TWO_ERRORS - 2 else set()
    beginnings = {key for letters in _BEGINNINGS if letters < len(word) for key in _without(word[:letters], 1)}
    return sorted([*one, *(_TWO + key for key in two), *(_BEGINNING + key for key in beginnings)])


def keys_of_one_error(typed: str, *, is_beginning: bool) -> list[str]:
    """``is_beginning``: also find words that begin with a word like this."""
    one = _without(typed[:_COMPARED], 1)
    return sorted([*one, *((_BEGINNING + key for key in one) if is_beginning else ())])


def keys_of_two_errors(typed: str) -> list[str]:
    two = _without(typed[:_COMPARED], 2)
    return sorted(mark + key for key in two for mark in ("", _TWO))


def _without(word: str, most: int) -> set[str]:
    """Return the word without up to ``most`` of its letters."""
    kept = (combinations(word, len(word) - deleted) for deleted in range(most + 1) if deleted < len(word))
    return {"".join(letters) for each in kept for letters in each}


def nearest(typed: str, words: Iterable[tuple[str, int]], *, is_beginning: bool) -> str | None:
    """Return the word with the fewest errors, of these the most frequent one; ``words`` are given with frequencies.

    A whole word is nearer than the beginning of another with as many errors.
    """
    found = [
        (*place, -frequency, word)
        for word, frequency in words
        if word != typed and (place := _place(typed, word, is_beginning))
    ]
    return min(found)[-1] if found else None


def _place(typed: str, word: str, is_beginning: bool) -> tuple[int, bool] | None:
    most = most_errors(typed)
    places = [(errors(typed, word, most=most), False)]
    if is_beginning:
        lengths = range(len(typed) - most, min(len(typed) + most, len(word) - 1) + 1)
        places += [(errors(typed, word[:letters], most=most), True) for letters in lengths]
    best = min(places)
    return best if best[0] <= most else None


def errors(typed: str, word: str, *, most: int) -> int:
    """Return the number of errors, or ``most + 1`` if there are more (the optimal string alignment distance)."""
    if abs(len(typed) - len(word)) > most:
        return most + 1
    # Outside of the diagonals that are compared, there are too many.
    earlier: dict[int, int] = {}
    row = {at: at for at in range(min(most, len(word)) + 1)}
    for number, letter in enumerate(typed, start=1):
        before, earlier, row = earlier, row, {}
        for at in range(max(0, number - most), min(len(word), number + most) + 1):
            ways = [earlier.get(at, most) + 1]
            if at:
                ways += [row.get(at - 1, most) + 1, earlier.get(at - 1, most) + (letter != word[at - 1])]
            if at > 1 and number > 1 and letter == word[at - 2] and typed[number - 2] == word[at - 1]:
                ways.append(before.get(at - 2, most) + 1)
            row[at] = min(ways)
        if min(row.values()) > most:
            return most + 1
    return min(row[len(word)], most + 1)
