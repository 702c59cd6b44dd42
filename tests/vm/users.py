"""Programs with the rights of one of the device's users."""

from __future__ import annotations

API_USER, API_GROUP, SHARED_GROUP = "gateway-api", "gateway-api", "gateway"


def as_api(*program: object) -> tuple[object, ...]:
    """`program` as somebody with a shell of the api's user runs it: none of its unit's sandbox."""
    return (
        "setpriv",
        f"--reuid={API_USER}",
        f"--regid={SHARED_GROUP}",
        "--init-groups",
        "--inh-caps=-all",
        "--bounding-set=-all",
        "--",
        *program,
    )
