"""The events and actions of triggers in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.triggers.values import TriggerVerdict
from gateway.triggers.words import (
    MessageDestination,
    Occurrence,
    TriggerAction,
    TriggerEvent,
    TriggerTime,
)
from gateway.web.languages import noted

EVENT_WORDS: Mapping[TriggerEvent, str] = MappingProxyType(
    {
        TriggerTime.TIME_OF_DAY: noted("At a time of day"),
        TriggerTime.ZONE_BEGINS: noted("A schedule begins"),
        TriggerTime.ZONE_ENDS: noted("A schedule ends"),
        Occurrence.GRANTED: noted("Somebody is let in"),
        Occurrence.FREE_PASSAGE: noted("Free passage in a fire or an emergency"),
        Occurrence.WAITING: noted("Waiting for a PIN or for more people"),
        Occurrence.DENIED: noted("Somebody is refused"),
        Occurrence.SERVER_GRANTED: noted("A server lets somebody in"),
        Occurrence.SERVER_DENIED: noted("A server refuses somebody"),
        Occurrence.EXIT_BUTTON: noted("Exit button pressed"),
        Occurrence.OPENED_BY_CLIENT: noted("Opened over the network, or by a trigger"),
        Occurrence.OPENED_FROM_PAGE: noted("Opened from this page"),
        Occurrence.DOOR_OPENED: noted("The door opens"),
        Occurrence.DOOR_CLOSED: noted("The door closes"),
        Occurrence.TURNED: noted("Somebody goes through the turnstile"),
        Occurrence.TURN_FORCED: noted("The turnstile is forced"),
        Occurrence.GAVE_UP: noted("Nobody goes through the turnstile"),
        Occurrence.NO_ENTRY: noted("Let in, but the door stays closed"),
        Occurrence.EXIT_REFUSED: noted("The interlock refuses the exit button"),
        Occurrence.PRE_ALARM: noted("Open for long, the alarm is near"),
        Occurrence.PRE_ALARM_OVER: noted("Closed before the alarm"),
        Occurrence.ALARM: noted("An alarm begins"),
        Occurrence.ALARM_OVER: noted("An alarm ends"),
        Occurrence.FIRE: noted("Fire is reported"),
        Occurrence.FIRE_CLEAR: noted("The fire input is normal again"),
        Occurrence.FIRE_OVER: noted("The fire alarm is reset"),
        Occurrence.SILENCED: noted("Alarms are silenced"),
        Occurrence.ARMED: noted("All alarm zones are armed"),
        Occurrence.DISARMED: noted("Alarm zones are disarmed"),
        Occurrence.ENTRY_DELAY: noted("Somebody comes in at an armed zone"),
        Occurrence.ENTRY_OVER: noted("The entry at a zone is settled"),
        Occurrence.MODE: noted("An exception mode begins"),
        Occurrence.MODE_NORMAL: noted("An exception mode ends"),
        Occurrence.MODE_OVER: noted("The time of an exception mode is over"),
        Occurrence.UNLOCKED_ON_START: noted("A door stays unlocked after the start"),
        Occurrence.LOCKED_ON_START: noted("A door is locked after the start"),
        Occurrence.SCHEDULE_HOLDS: noted("Unlocked hours begin"),
        Occurrence.SCHEDULE_OFF: noted("Unlocked hours are over"),
        Occurrence.SCHEDULE_ENDED: noted("Unlocked hours are ended early"),
        Occurrence.FIRST_CARD: noted("A first card begins to unlock"),
        Occurrence.FIRST_CARD_OVER: noted("The time of a first card is over"),
        Occurrence.PASSBACK_FORGOTTEN: noted("Anti-passback positions are forgotten"),
        Occurrence.UNREADABLE: noted("Unreadable card"),
        Occurrence.REPLAY: noted("Suspected replay of a recording"),
        Occurrence.DEVICE_ONLINE: noted("A reader or module works again"),
        Occurrence.DEVICE_DEGRADED: noted("A reader or module works with faults"),
        Occurrence.DEVICE_OFFLINE: noted("A reader or module does not answer"),
        Occurrence.KEYPAD_LOCKED: noted("A keypad is locked after wrong entries"),
        Occurrence.KEYPAD_FREE: noted("A keypad is free again"),
        Occurrence.READER_SLOWED: noted("A reader is slowed down, too many unknown cards"),
        Occurrence.READER_FAST: noted("A reader is as fast as before"),
        Occurrence.READER_DISABLED: noted("Read ignored, the reader was opened"),
        Occurrence.FAULT: noted("A fault begins"),
        Occurrence.FAULT_OVER: noted("A fault ends"),
        Occurrence.CLOCK_TRUSTED: noted("The clock is trusted"),
        Occurrence.CLOCK_NOT_TRUSTED: noted("The clock is not trusted"),
        Occurrence.SERVER_STANDALONE: noted("This controller decides by its own rules"),
        Occurrence.SERVER_ONLINE: noted("The server decides"),
        Occurrence.SERVER_CONTINGENCY: noted("The server is away, this controller decides"),
        Occurrence.SERVER_DENIAL: noted("The server is away, everybody is refused"),
        Occurrence.THREAT_LEVEL: noted("A threat level begins"),
        Occurrence.THREAT_NORMAL: noted("The threat level is normal again"),
        Occurrence.THREAT_OVER: noted("The time of a threat level is over"),
        Occurrence.AREA_EMPTIED: noted("An area is set empty"),
        Occurrence.AREA_EMPTIED_ON_TIME: noted("An area is set empty on time"),
        Occurrence.TOO_FEW_INSIDE: noted("Too few people are inside an area"),
        Occurrence.TOO_FEW_OVER: noted("Enough people are inside an area again"),
        Occurrence.BYPASSED: noted("Open zones are left out of arming"),
        Occurrence.ARMING_REFUSED: noted("Arming is refused"),
        Occurrence.HOLD_BEGUN: noted("Two cards hold a door open"),
        Occurrence.HOLD_ENDED: noted("A hold by two cards ends"),
        Occurrence.HOLD_REFUSED: noted("A hold by two cards is refused"),
        Occurrence.STARTED: noted("The door controller started"),
        Occurrence.ENDED_UNCLEANLY: noted("The last run ended by a power cut or crash"),
    }
)

ACTION_WORDS: Mapping[TriggerAction, str] = MappingProxyType(
    {
        TriggerAction.MESSAGE: noted("message"),
        TriggerAction.PULSE: noted("output on for a time"),
        TriggerAction.ON: noted("output on"),
        TriggerAction.OFF: noted("output off"),
        TriggerAction.SIREN: noted("siren"),
        TriggerAction.SILENCE: noted("silence the alarms"),
        TriggerAction.ARM: noted("arm"),
        TriggerAction.DISARM: noted("disarm"),
        TriggerAction.UNLOCK: noted("open the door"),
        TriggerAction.LOCK: noted("lock the door"),
        TriggerAction.LOCK_DOWN: noted("begin a lock-down"),
        TriggerAction.EMERGENCY: noted("begin an emergency"),
        TriggerAction.NORMAL: noted("back to normal"),
    }
)

VERDICT_WORDS: Mapping[TriggerVerdict, str] = MappingProxyType(
    {
        TriggerVerdict.BEGINS: noted("it begins"),
        TriggerVerdict.DISABLED: noted("it is off"),
        TriggerVerdict.OTHER_EVENT: noted("another event"),
        TriggerVerdict.OTHER_TIME: noted("another time"),
        TriggerVerdict.OTHER_CAUSE: noted("another kind of alarm"),
        TriggerVerdict.SILENT_ALARM: noted("a silent alarm, which only its own trigger tells of"),
        TriggerVerdict.OTHER_DOOR: noted("another door"),
        TriggerVerdict.OTHER_READER: noted("another reader"),
        TriggerVerdict.OTHER_PERSON: noted("another person"),
        TriggerVerdict.OTHER_GROUP: noted("nobody of its group"),
        TriggerVerdict.PERSON_NOT_READ: noted("the groups of the person cannot be read"),
        TriggerVerdict.OUT_OF_TIME: noted("outside its schedule"),
        TriggerVerdict.NO_SCHEDULE: noted("its schedule is empty"),
        TriggerVerdict.CLOCK_NOT_TRUSTED: noted("the clock is not trusted"),
        TriggerVerdict.WAITS_ALREADY: noted("its delay runs already"),
        TriggerVerdict.LOOP: noted("it sets itself off: a loop"),
        TriggerVerdict.TOO_OFTEN: noted("too often in a minute: it pauses"),
        TriggerVerdict.MISSED: noted("its time passed while the device was off"),
        TriggerVerdict.REFUSED: noted("refused"),
        TriggerVerdict.LATE: noted("too late"),
        TriggerVerdict.CANCELLED: noted("cancelled"),
    }
)

DESTINATION_WORDS: Mapping[MessageDestination, str] = MappingProxyType(
    {
        MessageDestination.MQTT: noted("MQTT"),
        MessageDestination.MONITOR: noted("the server of the monitor"),
        MessageDestination.ALL: noted("MQTT and the monitor"),
    }
)
