"""Backup, restore, and the way back to the beginning."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from gateway.commands.answers import DONE, Answer, ByteStream
from gateway.commands.audit import audited_write
from gateway.commands.command import Audit, Command
from gateway.commands.context import CommandContext
from gateway.commands.provisioning import initial_configuration, site_rows
from gateway.commands.requests import NoMembers, RequestModel, flag
from gateway.commands.rights import Caller, Right
from gateway.errors import StorageError
from gateway.objects.factory import FACTORY_ROWS
from gateway.store.audit import AuditType
from gateway.store.backup import Backups
from gateway.store.files import STORE_FILE


class RestoreRequest(RequestModel):
    """`restore_objects`: what `backup_objects` answered, as it came."""

    body: Any


class ResetRequest(RequestModel):
    """`reset_to_factory_default`. Addresses belong to the operating system and stay either way."""

    keep_network_info: Annotated[bool, BeforeValidator(flag)] = True


def backup_objects(context: CommandContext, caller: Caller, request: NoMembers) -> Answer:
    """Every object and the configuration, secrets included, as one file."""
    del caller, request
    context.refresh_logs()
    moment = context.clock.utc()
    backup = _backups(context).make(moment.isoformat(timespec="seconds"))
    name = f"{context.identity.serial}-{moment:%Y%m%d-%H%M%S}.gwbackup"
    return ByteStream(backup.pieces, backup.length, name)


def restore_objects(context: CommandContext, caller: Caller, request: RestoreRequest) -> Answer:
    """Put a backup back, all or nothing; logins, tokens and this device's identity stay."""
    del caller
    # What happened until now is kept by joining it with the backup's logs.
    context.refresh_logs()
    with context.obeyed():
        stamp = _backups(context).restore(request.body)
    return {"device_id": stamp.device_id, "version": stamp.program, "created": stamp.created_utc}


def _backups(context: CommandContext) -> Backups:
    path = context.data / STORE_FILE
    return Backups(context.store, path, context.identity, context.version, context.copying)


def reset_to_factory_default(
    context: CommandContext, caller: Caller, request: ResetRequest
) -> Answer:
    """The rows and the configuration that `init` made for this site.

    People, rules and logs go; logins, the audit log and the change log, by which others learn of
    it, stay. The journal stays too: it is what happened.
    """
    del caller, request
    context.catch_up()
    with context.obeyed(), context.store.transaction():
        context.store.clear()
        for rows in (FACTORY_ROWS, site_rows(context.site, context.identity)):
            for name, values in rows.items():
                context.store.insert(name, values)
        context.store.set_configuration(initial_configuration(context.site))
    return DONE


def delete_admins(context: CommandContext, caller: Caller, request: NoMembers) -> Answer:
    """Nobody is an administrator at the device any more; API logins stay."""
    del request
    with audited_write(context, caller, "delete_admins", "user_roles", existing=True) as outcome:
        outcome.count = context.store.destroy("user_roles")
    return DONE


def _plain(_: object) -> str:
    return ""


_TOLD = Audit(AuditType.API, _plain, refusals=True)

COMMANDS = (
    Command(
        "backup_objects",
        NoMembers,
        backup_objects,
        Right.ADMINISTRATOR,
        answers="application/octet-stream",
        audit=_TOLD,
        errors=(StorageError,),
    ),
    Command(
        "restore_objects",
        RestoreRequest,
        restore_objects,
        Right.ADMINISTRATOR,
        raw=True,
        upload=True,
        audit=_TOLD,
        errors=(StorageError,),
    ),
    Command(
        "reset_to_factory_default",
        ResetRequest,
        reset_to_factory_default,
        Right.ADMINISTRATOR,
        audit=_TOLD,
    ),
    Command("delete_admins", NoMembers, delete_admins, Right.ADMINISTRATOR),
)
