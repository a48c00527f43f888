"""`keepgate suggest`: words that may come next, for a text or while one types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from keepgate.cli import parser
from keepgate.errors import InputError

if TYPE_CHECKING:
    from keepgate.tasks.suggest.keyboard import Keyboard

EXAMPLE = """\
  keepgate suggest runs/report "the digital libr"
  keepgate suggest runs/report"""

DESCRIPTION = """\
Suggest words with a model of `keepgate fit suggest`: what the last word of the text may become, or after a space the
next word, the most probable first. Without a text it is typed here: suggestions are below it, the keys F1, F2 and F3
(or Tab for the first) take one, and Enter ends it."""

KEYS = ("f1", "f2", "f3")


def main(arguments: Sequence[str]) -> None:
    """Print suggestions for a text, or let one be typed with suggestions and print it."""
    flags = parser("suggest", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of the run")
    flags.add_argument("text", metavar="TEXT", nargs="?", help="the text so far (default: typed in the terminal)")
    flags.add_argument("--count", type=int, default=3, metavar="N", help="suggestions for TEXT (default: 3)")
    options = flags.parse_args(arguments)
    if options.count < 1:
        raise InputError(f"--count {options.count} is not possible: it has to be 1 or more")

    from keepgate.tasks.suggest.estimator import Suggester

    suggester = Suggester.load(options.run, "cpu")
    if options.text is None:
        print(session(suggester.keyboard()).prompt("> "))
        return
    for word in suggester.suggest(options.text, options.count):
        print(word)


def session(keyboard: Keyboard) -> Any:
    """Return a line editor for the terminal, with the keyboard's suggestions below the line."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.key_binding import KeyBindings

    bindings = KeyBindings()

    def offered(text: str) -> list[str]:
        keyboard.become(text)
        return keyboard.suggestions(len(KEYS))

    def take(place: int) -> Any:
        def handler(event: Any) -> None:
            buffer = event.current_buffer
            words = offered(buffer.document.text_before_cursor)
            if place < len(words):
                buffer.insert_text(words[place][len(keyboard.prefix) :] + " ")

        return handler

    for place, key in enumerate(KEYS):
        bindings.add(key)(take(place))
    bindings.add("tab")(take(0))

    def toolbar() -> str:
        return shown(offered(line.default_buffer.document.text_before_cursor))

    line: Any = PromptSession(key_bindings=bindings, bottom_toolbar=toolbar)
    return line


def shown(words: Sequence[str]) -> str:
    """Return suggestions with the keys that take them."""
    return "   ".join(f"{key.upper()} {word}" for key, word in zip(KEYS, words, strict=False))
