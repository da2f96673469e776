# The diagnosis: what a check observed, what it means, and what to do.

all-is-well = Всё в порядке: { $arrival }
all-is-well-as-far-as-known = Всё в порядке, насколько это известно.
