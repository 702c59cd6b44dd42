"""In which order rows of several objects can be written and deleted."""

from __future__ import annotations

from graphlib import TopologicalSorter

from gateway.objects.declaration import ObjectType, Registry


def by_dependence(registry: Registry) -> list[ObjectType]:
    """Every object after those that its rows have to refer to; backwards, for deleting."""
    graph = {
        declared.name: {
            ref.target for ref in declared.refs if ref.enforced and ref.target != declared.name
        }
        for declared in registry
    }
    return [registry[name] for name in TopologicalSorter(graph).static_order()]
