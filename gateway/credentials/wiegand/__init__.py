"""Wiegand frames: formats as data, their codec, and the assembler that ends a frame by silence.

Bits are numbered 1..n in sending order. A frame does not say its format: the reader's settings
name those that may come, and the rows of the API's `wiegand_modes` add a site's own.
"""

from gateway.credentials.wiegand.assembler import MAX_BITS, RINGING_NS, Frame, FrameAssembler
from gateway.credentials.wiegand.codec import decode, encode, lacks_a_bit, pin_of_frame
from gateway.credentials.wiegand.formats import FORMATS, ParityCheck, ParityKind, WiegandFormat
from gateway.credentials.wiegand.replay import ReplayDetector

__all__ = [
    "FORMATS",
    "MAX_BITS",
    "RINGING_NS",
    "Frame",
    "FrameAssembler",
    "ParityCheck",
    "ParityKind",
    "ReplayDetector",
    "WiegandFormat",
    "decode",
    "encode",
    "lacks_a_bit",
    "pin_of_frame",
]
