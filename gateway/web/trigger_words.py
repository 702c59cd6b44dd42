"""The events and actions of triggers in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gateway.triggers.values import TriggerVerdict
from gateway.triggers.words import MessageDestination, TriggerAction, TriggerEvent
from gateway.web.languages import noted

TRIGGER_EVENTS: Mapping[TriggerEvent, str] = MappingProxyType(
    {
        TriggerEvent.TIME_OF_DAY: noted("At a time of day"),
        TriggerEvent.ZONE_BEGINS: noted("A schedule begins"),
        TriggerEvent.ZONE_ENDS: noted("A schedule ends"),
        TriggerEvent.GRANTED: noted("Somebody is let in"),
        TriggerEvent.FREE_PASSAGE: noted("Free passage in a fire or an emergency"),
        TriggerEvent.WAITING: noted("Waiting for a PIN or for more people"),
        TriggerEvent.DENIED: noted("Somebody is refused"),
        TriggerEvent.SERVER_GRANTED: noted("A server lets somebody in"),
        TriggerEvent.SERVER_DENIED: noted("A server refuses somebody"),
        TriggerEvent.EXIT_BUTTON: noted("Exit button pressed"),
        TriggerEvent.OPENED_BY_CLIENT: noted("Opened over the network, or by a trigger"),
        TriggerEvent.OPENED_FROM_PAGE: noted("Opened from this page"),
        TriggerEvent.DOOR_OPENED: noted("The door opens"),
        TriggerEvent.DOOR_CLOSED: noted("The door closes"),
        TriggerEvent.TURNED: noted("Somebody goes through the turnstile"),
        TriggerEvent.TURN_FORCED: noted("The turnstile is forced"),
        TriggerEvent.GAVE_UP: noted("Nobody goes through the turnstile"),
        TriggerEvent.NO_ENTRY: noted("Let in, but the door stays closed"),
        TriggerEvent.EXIT_REFUSED: noted("The interlock refuses the exit button"),
        TriggerEvent.PRE_ALARM: noted("Open for long, the alarm is near"),
        TriggerEvent.PRE_ALARM_OVER: noted("Closed before the alarm"),
        TriggerEvent.ALARM: noted("An alarm begins"),
        TriggerEvent.ALARM_OVER: noted("An alarm ends"),
        TriggerEvent.FIRE: noted("Fire is reported"),
        TriggerEvent.FIRE_CLEAR: noted("The fire input is normal again"),
        TriggerEvent.FIRE_OVER: noted("The fire alarm is reset"),
        TriggerEvent.SILENCED: noted("Alarms are silenced"),
        TriggerEvent.ARMED: noted("All alarm zones are armed"),
        TriggerEvent.DISARMED: noted("Alarm zones are disarmed"),
        TriggerEvent.ENTRY_DELAY: noted("Somebody comes in at an armed zone"),
        TriggerEvent.ENTRY_OVER: noted("The entry at a zone is settled"),
        TriggerEvent.MODE: noted("An exception mode begins"),
        TriggerEvent.MODE_NORMAL: noted("An exception mode ends"),
        TriggerEvent.MODE_OVER: noted("The time of an exception mode is over"),
        TriggerEvent.UNLOCKED_ON_START: noted("A door stays unlocked after the start"),
        TriggerEvent.LOCKED_ON_START: noted("A door is locked after the start"),
        TriggerEvent.SCHEDULE_HOLDS: noted("Unlocked hours begin"),
        TriggerEvent.SCHEDULE_OFF: noted("Unlocked hours are over"),
        TriggerEvent.SCHEDULE_ENDED: noted("Unlocked hours are ended early"),
        TriggerEvent.FIRST_CARD: noted("A first card begins to unlock"),
        TriggerEvent.FIRST_CARD_OVER: noted("The time of a first card is over"),
        TriggerEvent.PASSBACK_FORGOTTEN: noted("Anti-passback positions are forgotten"),
        TriggerEvent.UNREADABLE: noted("Unreadable card"),
        TriggerEvent.REPLAY: noted("Suspected replay of a recording"),
        TriggerEvent.DEVICE_ONLINE: noted("A reader or module works again"),
        TriggerEvent.DEVICE_DEGRADED: noted("A reader or module works with faults"),
        TriggerEvent.DEVICE_OFFLINE: noted("A reader or module does not answer"),
        TriggerEvent.KEYPAD_LOCKED: noted("A keypad is locked after wrong entries"),
        TriggerEvent.KEYPAD_FREE: noted("A keypad is free again"),
        TriggerEvent.READER_SLOWED: noted("A reader is slowed down, too many unknown cards"),
        TriggerEvent.READER_FAST: noted("A reader is as fast as before"),
        TriggerEvent.READER_DISABLED: noted("Read ignored, the reader was opened"),
        TriggerEvent.FAULT: noted("A fault begins"),
        TriggerEvent.FAULT_OVER: noted("A fault ends"),
        TriggerEvent.CLOCK_TRUSTED: noted("The clock is trusted"),
        TriggerEvent.CLOCK_NOT_TRUSTED: noted("The clock is not trusted"),
        TriggerEvent.SERVER_STANDALONE: noted("This controller decides by its own rules"),
        TriggerEvent.SERVER_ONLINE: noted("The server decides"),
        TriggerEvent.SERVER_CONTINGENCY: noted("The server is away, this controller decides"),
        TriggerEvent.SERVER_DENIAL: noted("The server is away, everybody is refused"),
        TriggerEvent.THREAT_LEVEL: noted("A threat level begins"),
        TriggerEvent.THREAT_NORMAL: noted("The threat level is normal again"),
        TriggerEvent.THREAT_OVER: noted("The time of a threat level is over"),
        TriggerEvent.AREA_EMPTIED: noted("An area is set empty"),
        TriggerEvent.AREA_EMPTIED_ON_TIME: noted("An area is set empty on time"),
        TriggerEvent.TOO_FEW_INSIDE: noted("Too few people are inside an area"),
        TriggerEvent.TOO_FEW_OVER: noted("Enough people are inside an area again"),
        TriggerEvent.BYPASSED: noted("Open zones are left out of arming"),
        TriggerEvent.ARMING_REFUSED: noted("Arming is refused"),
        TriggerEvent.HOLD_BEGUN: noted("Two cards hold a door open"),
        TriggerEvent.HOLD_ENDED: noted("A hold by two cards ends"),
        TriggerEvent.HOLD_REFUSED: noted("A hold by two cards is refused"),
        TriggerEvent.STARTED: noted("The door controller started"),
        TriggerEvent.ENDED_UNCLEANLY: noted("The last run ended by a power cut or crash"),
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
