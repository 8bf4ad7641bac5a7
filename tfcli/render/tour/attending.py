"""Why words attend to each other."""

from __future__ import annotations

from tfcli.records.tour import TourRecord, find_stage
from tfcli.render.tour.sheet import Sheet, two_decimals
from tfcli.texts import Language


def show_attending(record: TourRecord, words: Language, sheet: Sheet) -> None:
    """Show what the model is asked, and where each word of the sentence looks."""
    trace = record.traces[0]
    sheet.add_title(words.say("1/5 Why words attend to each other"))
    sheet.add(
        words.say(
            "A model answers each word with the one that it goes with: an act with what it is done to, and "
            "what goes with no other word with itself."
        )
    )
    sheet.add_formula(f"{' '.join(record.words)} {sheet.arrow} {' '.join(trace.prediction)}")
    sheet.add(
        words.say(
            "A word comes in as {count} numbers of its own. Those of '{word}' can't say what it is done to "
            "here: for that it has to look at the other words. In self-attention each word takes a share "
            "from every word, and more from those that fit.",
            count=record.stage("embedding").shape[1],
            word=record.word,
        )
    )
    sheet.add(
        words.say(
            "After {steps} steps of training, {exact} of unseen sentences are answered without a mistake. "
            "The shares in head {head}: rows are words that look, columns are looked at.",
            steps=record.steps,
            exact=f"{record.exact_match:.1%}",
            head=record.heads[0],
        )
    )
    rows = record.stage("attention weights").values
    sheet.add_table(
        record.words, [(word, two_decimals(row)) for word, row in zip(record.words, rows, strict=True)]
    )
    weight = f"{record.row('attention weights')[record.key]:.2f}"
    sheet.add(
        words.say(
            "'{word}' takes {weight} from '{found}'.", word=record.word, weight=weight, found=record.found
        )
    )
    moved = find_stage(record.moved, "attention weights")
    at = [record.moved.tokens.index(word) for word in (record.word, record.found)]
    sheet.ask(
        words.say(
            "Question: put the words in another order: {moved}. Where does '{word}' look now?",
            moved=" ".join(record.moved.tokens),
            word=record.word,
        ),
        words.say(
            "Answer: at '{found}' again, with {weight}. This model isn't told any positions. Words find each "
            "other by what they are.",
            found=record.found,
            weight=two_decimals(moved.values[at[0]])[at[1]],
        ),
    )
