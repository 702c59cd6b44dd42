"""What messages of several domains are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

DoorNumber = Annotated[int, Field(ge=1, lt=1 << 63)]
"""1 to 4 for a door on the board, else the id of a SecBox."""
ZoneNumber = Annotated[int, Field(ge=1, le=5)]
RowId = Annotated[int, Field(ge=0, lt=1 << 63)]
"""Id of a row, 0 for none."""
Seconds = Annotated[int, Field(ge=-(1 << 53), le=1 << 53)]
"""As the journal keeps them."""
Login = Annotated[str, Field(max_length=1_000)]
"""Login that sent the request; empty if unknown."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of the text of a site file, hexadecimal."""


class LinkMessage(BaseModel):
    """A message, or a part of one."""

    model_config = ConfigDict(extra="forbid", frozen=True)
