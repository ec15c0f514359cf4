"""The entry that the Lambda image names: the handler, warmed up when Lambda imports this module.

Lambda bills and limits its init phase apart from calls, so the slow first work is done here. The
handler's own module does nothing on import, which keeps tests and the laptop's server free of it.
"""

from __future__ import annotations

from handler import handler, warm_up

__all__ = ["handler"]

warm_up()
