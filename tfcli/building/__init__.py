"""From a configuration to a task, a model and its training: the one place where parts are put together."""
