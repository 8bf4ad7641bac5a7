"""The built-in tasks. A new one is a file here and a row in this table.

The classes are named, not imported: a list of tasks must not cost an import of torch.
"""

TASKS = {
    "copy": "copying:Copying",
    "reverse": "reversing:Reversing",
    "sort": "sorting:Sorting",
    # With reverse, and sort as the bucket sort, these are the benchmark of Delétang et al. 2022 (2207.02098).
    "even-pairs": "even_pairs:EvenPairs",
    "parity": "parity:Parity",
    "cycle-navigation": "cycle_navigation:CycleNavigation",
    "modular-arithmetic": "modular_arithmetic:ModularArithmetic",
    "bracketed-arithmetic": "bracketed_arithmetic:BracketedArithmetic",
    "solve-equation": "equation_solving:EquationSolving",
    "stack-manipulation": "stack_manipulation:StackManipulation",
    "duplicate": "duplicating:Duplicating",
    "missing-duplicate": "missing_duplicate:MissingDuplicate",
    "odds-first": "odds_first:OddsFirst",
    "binary-addition": "binary_arithmetic:BinaryAddition",
    "binary-multiplication": "binary_arithmetic:BinaryMultiplication",
    "square-root": "square_root:SquareRoot",
    # A token finds others by what they are.
    "histogram": "histogram:Histogram",
    "lookup": "lookup:Lookup",
    "brackets": "brackets:Brackets",
    "collocation": "collocation:Collocation",
    "collocation-zh": "collocation:ChineseCollocation",
    # Each token predicts the next: task.layout=next.
    "induction": "induction:Induction",
    "recall": "recall:Recall",
    # Language: what a numeral means, whether a review is friendly, or somebody likes a thing, and how a word
    # is said.
    "translate": "translating:Translating",
    "sentiment": "sentiment:Sentiment",
    "opinion": "opinion:Opinion",
    "spell": "spelling:Spelling",
    # Pictures, in patches of numbers: model.input=patches.
    "digits": "digits:Digits",
    "find-digit": "find_digit:FindDigit",
}
