"""The built-in tasks. A new one is a file here and a row in this table.

The classes are named, not imported: a list of tasks must not cost an import of torch.
"""

TASKS = {
    "copy": "copying:Copying",
    "reverse": "reversing:Reversing",
    "sort": "sorting:Sorting",
}
