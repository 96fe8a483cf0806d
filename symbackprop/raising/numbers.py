"""The numbers of axes that count steps of recurrences and members of stacks."""

from __future__ import annotations

STEP_AXIS = 1 << 16
"""The axes of steps are numbered from here, far above those of any node."""

MEMBER_AXIS = 1 << 17
"""The axes of the members of stacks are numbered from here."""

STEPS_OF_A_DEPTH = 1 << 14
"""How many axes of steps (or of members) of one depth of nesting there are."""

STEP_LETTERS = "tsru"
"""What the steps of recurrences are called, one inside the other."""

MEMBER_LETTERS = "ijkl"
"""What the members of stacks are called, one inside the other."""
