"""Facts as data: task cards, source cards, instruction pools; strict YAML."""
