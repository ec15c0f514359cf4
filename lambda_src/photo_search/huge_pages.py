"""Lets what is loaded lie in pages of 2 MiB, as numpy does with its large arrays.

A text reads all weights of its tower once. In pages of 4 KiB a virtual machine has to look up
10,000 addresses for that, each through two page tables, which takes longer than the reading
(docs/decisions/0013). Linux gives large ones where they are asked for (``madvise``); glibc does not
ask.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PAGE_BYTES = 2 << 20
_MADV_HUGEPAGE = 14  # Linux, include/uapi/asm-generic/mman-common.h
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # glibc, malloc/malloc.h
# glibc moves its thresholds up to these by itself; it takes none that is higher (2.34), and none
# moves any more once it was set (mallopt(3)).
_MOST_TRIM, _MOST_MMAP = 64 << 20, 32 << 20
_TOP_PAD = 128 << 10  # glibc's own
_NEVER = 1 << 30


@contextmanager
def huge_pages(size_bytes: int) -> Iterator[None]:
    """What the block allocates and keeps comes from large pages, where those can be had.

    Only in the main thread, since what others allocate lies elsewhere. Without Linux, glibc or
    large pages the block runs all the same.

    Args:
        size_bytes: As much address space is set aside; memory is taken for what is used alone.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    is_main = threading.current_thread() is threading.main_thread()
    if libc is None or not hasattr(libc, "mallopt") or not is_main:
        yield
        return
    libc.malloc.restype = libc.sbrk.restype = ctypes.c_void_p
    # Pieces of less than 32 MiB come from one heap, which grows now, and does not shrink.
    libc.mallopt(_M_MMAP_THRESHOLD, _MOST_MMAP)
    libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)
    libc.mallopt(_M_TOP_PAD, min(size_bytes, _NEVER))
    try:
        start, end = libc.malloc(_MOST_MMAP // 2), libc.sbrk(0)
        if start and start < end:
            first = -(-start // _PAGE_BYTES) * _PAGE_BYTES
            libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(end - first), _MADV_HUGEPAGE)
        libc.free(ctypes.c_void_p(start))
        yield
    finally:
        libc.mallopt(_M_TOP_PAD, _TOP_PAD)
        libc.mallopt(_M_TRIM_THRESHOLD, _MOST_TRIM)
