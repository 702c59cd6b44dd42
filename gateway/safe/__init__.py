"""The safe page, and root's helper of updates: what works when a release does not.

Three failed starts of a new release bring the former one back; three more, or three of a release
that was there before, bring up the safe page at the api's ports. It tells what happened, and lets a
technician install a signed update, go back to the former release, or try again.

Debian's interpreter runs what is here (systemd/debian/safe), with the standard library and a few
modules of this package that need no more: no module of the bundle that a broken release brought.
"""
