"""A command group that knows its commands' names and help without importing them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from rsrefseg import __version__


class LazyCommand(TyperCommand):
    """Stands for a command in listings; gives way to the real one when it is called."""

    def __init__(self, name: str, module: str, attribute: str, text: str) -> None:
        """Remember where the command is.

        Args:
            name: as typed.
            module: where it is; its `tidy_arguments`, if it has one, may rewrite what was typed.
            attribute: a function with typer annotations, or a Typer app.
            text: its line in the list of commands.
        """
        super().__init__(name, help=text)
        self._module = module
        self._attribute = attribute

    def load(self) -> Any:
        """Import the real command."""
        target = getattr(importlib.import_module(self._module), self._attribute)
        if isinstance(target, typer.Typer):
            return get_command(target)
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command(name=self.name)(target)
        return get_command(app)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,
        **extra: Any,
    ) -> Any:
        """The real command's context, so that the real command runs in it."""
        tidy = getattr(importlib.import_module(self._module), "tidy_arguments", None)
        if tidy is not None:
            args = tidy(args)
        return self.load().make_context(info_name, args, parent, **extra)


def build(commands: Mapping[str, tuple[str, str, str]]) -> TyperGroup:
    """The whole command line.

    Args:
        commands: name -> module, attribute and help.
    """
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    group = get_command(app)
    if not isinstance(group, TyperGroup):  # typer makes a group of every app with a callback
        raise TypeError("the command line is no group")
    for name, (module, attribute, text) in commands.items():
        group.add_command(LazyCommand(name, module, attribute, text), name)
    return group


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rsrefseg {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(
        False,
        "--version",
        help="Print the version and leave.",
        is_eager=True,
        callback=_print_version,
    ),
) -> None:
    """A phrase and an overhead image in, georeferenced polygons out."""
