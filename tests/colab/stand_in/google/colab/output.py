"""What may be shown below a cell."""

__all__ = ["custom_widget_manager_enabled", "disable_custom_widget_manager", "enable_custom_widget_manager"]

_enabled = [False]


def enable_custom_widget_manager(version: str = "5.0.0a") -> None:
    """Let widgets that are not Colab's own be shown."""
    _enabled[0] = True


def disable_custom_widget_manager() -> None:
    """Show Colab's own widgets only."""
    _enabled[0] = False


def custom_widget_manager_enabled() -> bool:
    """Whether it was; only the stand-in says."""
    return _enabled[0]
