"""Why words attend to each other."""

from __future__ import annotations

from tfcli.records.tour import TourRecord, find_stage, numbers_of
from tfcli.render.tour.sheet import Sheet, two_decimals
from tfcli.texts import Language


def show_attending(record: TourRecord, words: Language, sheet: Sheet) -> None:
    """Show what the model is asked, and where each word of the sentence looks."""
    sheet.add_title(words.say("1/5 Why words attend to each other"))
    sheet.add(
        words.say(
            "A model answers each word with the one that it goes with: an act with what it is done to, and "
            "what goes with no other word with itself."
        )
    )
    sheet.add_formula(f"{' '.join(record.words)} {sheet.arrow} {' '.join(record.traces[0].prediction)}")
    sheet.add(
        words.say(
            "A word comes in as {count} numbers of its own. Those of '{word}' can't say what it is done to "
            "here: for that it has to look at the other words. In self-attention each word takes a share "
            "from every word, and more from those that fit.",
            count=record.stage("embedding").shape[1],
            word=record.word,
        )
    )
    add_weights(record, words, sheet)
    ask_about_order(record, words, sheet)


def add_weights(record: TourRecord, words: Language, sheet: Sheet) -> None:
    """Add how well the model does, and the weights of the head that finds the word."""
    sheet.add(
        words.say(
            "After {steps} steps of training, {exact} of unseen sentences are answered without a mistake. "
            "The shares in head {head}: rows are words that look, columns are looked at.",
            steps=record.steps,
            exact=f"{record.exact_match:.1%}",
            head=record.heads[0],
        )
    )
    rows = [record.row("attention weights", at=at) for at in range(len(record.words))]
    sheet.add_table(
        record.words, [(word, two_decimals(row)) for word, row in zip(record.words, rows, strict=True)]
    )
    weight = f"{rows[record.query][record.key]:.2f}"
    sheet.add(
        words.say(
            "'{word}' takes {weight} from '{found}'.", word=record.word, weight=weight, found=record.found
        )
    )


def ask_about_order(record: TourRecord, words: Language, sheet: Sheet) -> None:
    """Ask where the word looks in the same sentence in another order."""
    tokens = record.moved.tokens
    weights = numbers_of(find_stage(record.moved, "attention weights"), tokens.index(record.word))
    sheet.ask(
        words.say(
            "Question: put the words in another order: {moved}. Where does '{word}' look now?",
            moved=" ".join(tokens),
            word=record.word,
        ),
        words.say(
            "Answer: at '{found}' again, with {weight}. This model isn't told any positions. Words find each "
            "other by what they are.",
            found=record.found,
            weight=f"{weights[tokens.index(record.found)]:.2f}",
        ),
    )
