"""Which configuration is this student? Recognised by its structure, modulo permutations and signs."""
