"""Commands for operators, which work on the store itself: `tacit keys`, `tacit gc`."""

import re
from datetime import timedelta
from pathlib import Path

import click

from tacit.client.commands.options import errors_said, read_settings, with_data_dir

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SCOPES = ("read", "submit", "admin")


@click.group()
def keys() -> None:
    """Make, list and revoke API keys. Once there is one, nobody gets in without."""


@keys.command()
@with_data_dir
@click.option("--name", required=True, help="Whom or what the key is for.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(_SCOPES), help="May be repeated.  [read and submit]"
)
@click.option("--owner", help="Id of a key whose fits this one shall share, as when a key is replaced.")
def create(data_dir: Path | None, name: str, scopes: tuple[str, ...], owner: str | None) -> None:
    """Make a key. Its token is shown once, on stdout; everything else goes to stderr."""
    from tacit.fits import Scope, open_keys

    with errors_said():
        allowed = [Scope(scope) for scope in scopes or ("read", "submit")]
        key, token = open_keys(read_settings(data_dir=data_dir)).create(name, allowed, owner=owner)
    click.echo(f"{key.id} may {', '.join(key.scopes)}. Its token, which cannot be shown again:", err=True)
    click.echo(token)


@keys.command("list")
@with_data_dir
def list_keys(data_dir: Path | None) -> None:
    """Show all keys, one a line: id, scopes, owner, when it was made, whether it is good, name."""
    from tacit.fits import open_keys

    with errors_said():
        for key, revoked_at in open_keys(read_settings(data_dir=data_dir)).all():
            state = f"revoked {revoked_at:%Y-%m-%dT%H:%MZ}" if revoked_at else "good"
            scopes = ",".join(key.scopes)
            click.echo(f"{key.id}\t{scopes}\t{key.owner}\t{key.created_at:%Y-%m-%dT%H:%MZ}\t{state}\t{key.name}")


@keys.command()
@with_data_dir
@click.argument("key_id")
def revoke(data_dir: Path | None, key_id: str) -> None:
    """Make a key useless. Running processes notice within two seconds."""
    from tacit.fits import open_keys

    with errors_said():
        changed = open_keys(read_settings(data_dir=data_dir)).revoke(key_id)
    click.echo(f"{key_id} is revoked." if changed else f"{key_id} was revoked before.")


def _span(_context: click.Context, _parameter: click.Parameter, text: str) -> timedelta:
    parts = re.fullmatch(r"(\d{1,6})([smhdw])", text)
    if parts is None:
        raise click.BadParameter("write a number and a unit, such as 30d, 12h, 90m")
    return timedelta(**{_UNITS[parts[2]]: int(parts[1])})


@click.command()
@with_data_dir
@click.option("--older-than", required=True, callback=_span, help="How long ago a fit must have ended: 30d, 12h, ...")
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
def gc(data_dir: Path | None, older_than: timedelta, dry_run: bool) -> None:
    """Remove fits that ended long ago, with their data and results. Fits that wait or run are never touched."""
    from tacit.fits import open_store, retention

    with errors_said():
        found = retention.collect(open_store(read_settings(data_dir=data_dir)), older_than=older_than, dry_run=dry_run)
    for fit_id in found.fits:
        click.echo(fit_id)
    verb = "would be removed" if dry_run else "removed"
    click.echo(f"{len(found.fits)} fits and the remains of {len(found.remains)} others {verb}.", err=True)
