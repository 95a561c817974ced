"""int8 matrices in oneDNN's own layout, kept in a file and used from there.

Bringing a matrix into the layout of the processor's matrix unit takes seconds for a whole model, every time, and a second
copy of it. torch's stable C interface, which its ahead-of-time compiled models load their constants with, takes such a
matrix as bytes plus a description of the layout, without copying; its Python side has no call for that yet.
The layout belongs to one version of torch and one kind of processor: a file with it is keyed by both.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

ALIGNMENT = 64
"""Bytes; a matrix that starts off a cache line multiplies up to 30 % slower."""


def freeze(weight_NK: Tensor) -> tuple[Tensor, Tensor]:
    """A plain int8 matrix as bytes in oneDNN's layout, and the description of the layout, both 1-D uint8."""
    packed = torch.ops.onednn.qlinear_prepack(weight_NK, None)
    layout: Tensor = torch.ops.mkldnn._get_mkldnn_serialized_md(packed)
    content = torch.empty(int(torch.ops.mkldnn._nbytes(packed)), dtype=torch.uint8)
    ctypes.memmove(content.data_ptr(), int(torch.ops.mkldnn.data_ptr(packed)), content.numel())
    return content, layout


def thaw(content: Tensor, layout: Tensor, rows: int, columns: int) -> Tensor:
    """The matrix for `onednn.qlinear_pointwise`. It looks into `content` and keeps it alive.

    Raises:
        ValueError: Content and layout do not belong together.
    """
    sizes = (ctypes.c_int64 * 2)(columns, rows)
    strides = (ctypes.c_int64 * 2)(rows, 1)
    handle = ctypes.c_void_p()
    create, int8, mkldnn = _interface()
    failed = create(
        content.data_ptr(), 2, sizes, strides, 0, int8, 0, 0, ctypes.byref(handle), mkldnn, layout.data_ptr(), layout.numel()
    )
    if failed or not handle.value:
        raise ValueError("torch does not take the matrix in this layout")
    capsule = ctypes.pythonapi.PyCapsule_New
    capsule.restype, capsule.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
    packed: Tensor = torch._C._aoti.alloc_tensor_by_stealing_from_void_ptr(capsule(handle, None, None))
    if int(torch.ops.mkldnn._nbytes(packed)) > content.numel():
        raise ValueError("the layout asks for more bytes than there are")
    packed._content = content  # type: ignore[attr-defined]  # torch does not own these bytes
    return packed


@cache
def _interface() -> tuple[ctypes._FuncPointer, int, int]:
    """The constructor, and its codes for int8 and for oneDNN's layout."""
    library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))
    create = library.aoti_torch_create_tensor_from_blob_v2
    pointer, number, code = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
    numbers = ctypes.POINTER(number)
    create.argtypes = [pointer, number, numbers, numbers, number, code, code, code, pointer, code, pointer, number]
    return create, library.aoti_torch_dtype_int8(), library.aoti_torch_layout__mkldnn()
