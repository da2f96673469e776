# The diagnosis: what a check observed, what it means, and what to do.

all-is-well = All is well: { $arrival }
all-is-well-as-far-as-known = All is well, as far as is known.
