"""The evaluator: the C interface (libjsonnet) of the gojsonnet wheel, through ctypes. Used in the child process only.

The wheel's own Python function makes a new virtual machine for every call, which parses our library again each time
(four to eight times the cost of a small script), leaks the arguments of native functions and drops a reference to
None for each null among them. The C interface, which the wheel exports, has none of that.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_double, c_int, c_size_t, c_uint, c_void_p
from typing import Any

import _gojsonnet  # type: ignore[import-not-found]

# Arguments are text, number or None for anything else; a dict answer has text values.
Native = Callable[..., str | float | dict[str, str] | None]

_ImportCallback = CFUNCTYPE(
    c_int, c_void_p, c_char_p, c_char_p, POINTER(c_void_p), POINTER(c_void_p), POINTER(c_size_t)
)
_NativeCallback = CFUNCTYPE(c_void_p, c_void_p, POINTER(c_void_p), POINTER(c_int))

_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "make": (c_void_p, []),
    "max_stack": (None, [c_void_p, c_uint]),
    "realloc": (c_void_p, [c_void_p, c_void_p, c_size_t]),
    "evaluate_snippet": (c_void_p, [c_void_p, c_char_p, c_char_p, POINTER(c_int)]),
    "import_callback": (None, [c_void_p, _ImportCallback, c_void_p]),
    "native_callback": (None, [c_void_p, c_char_p, _NativeCallback, c_void_p, POINTER(c_char_p)]),
    "json_extract_string": (c_void_p, [c_void_p, c_void_p]),
    "json_extract_number": (c_int, [c_void_p, c_void_p, POINTER(c_double)]),
    "json_make_string": (c_void_p, [c_void_p, c_char_p]),
    "json_make_number": (c_void_p, [c_void_p, c_double]),
    "json_make_null": (c_void_p, [c_void_p]),
    "json_make_object": (c_void_p, [c_void_p]),
    "json_object_append": (None, [c_void_p, c_void_p, c_char_p, c_void_p]),
}


class Evaluator:
    """One virtual machine. ``library`` is what ``import library_name`` gives; every other import is refused."""

    def __init__(self, *, library: bytes, library_name: str, library_file: str, stack_frames: int) -> None:
        self._c = _functions()
        self._vm = self._c["make"]()
        self._library, self._library_name, self._library_file = library, library_name.encode(), library_file.encode()
        self._callbacks: list[Any] = [_ImportCallback(self._import)]  # ctypes callbacks live as long as referenced
        self._c["max_stack"](self._vm, stack_frames)
        self._c["import_callback"](self._vm, self._callbacks[0], None)
        self.import_refused = False

    def add_native(self, name: str, parameters: int, function: Native) -> None:
        """Make ``function`` reachable as ``std.native(name)``. It must not raise."""

        def call(_context: Any, arguments: Any, success: Any) -> Any:
            success[0] = 1
            return self._value(function(*(self._argument(arguments[i]) for i in range(parameters))))

        self._callbacks.append(_NativeCallback(call))
        names = (c_char_p * (parameters + 1))(*(b"p%d" % i for i in range(parameters)), None)
        self._c["native_callback"](self._vm, name.encode(), self._callbacks[-1], None, names)

    def evaluate(self, file: str, snippet: bytes) -> tuple[bool, bytes]:
        """Whether it worked, and the JSON text or the error text. ``snippet`` holds no NUL byte."""
        self.import_refused = False
        failed = c_int(0)
        text = self._c["evaluate_snippet"](self._vm, file.encode(), snippet, ctypes.byref(failed))
        try:
            return not failed.value, ctypes.string_at(text)
        finally:
            self._free(text)

    def _import(self, _context: Any, _base: bytes, path: bytes, found: Any, content: Any, size: Any) -> int:
        if path != self._library_name:
            self.import_refused = True
            content[0], size[0] = self._allocate(b"imports are not available"), 0
            return 1
        found[0], content[0] = self._allocate(self._library_file), self._allocate(self._library)
        size[0] = len(self._library)
        return 0

    def _argument(self, value: int) -> str | float | None:
        text = self._c["json_extract_string"](self._vm, value)
        if text:
            copy = ctypes.string_at(text).decode("utf-8", "replace")
            self._free(text)
            return copy
        number = c_double()
        return number.value if self._c["json_extract_number"](self._vm, value, ctypes.byref(number)) else None

    def _value(self, value: str | float | dict[str, str] | None) -> Any:
        if isinstance(value, dict):
            made = self._c["json_make_object"](self._vm)
            for key, text in value.items():
                self._c["json_object_append"](self._vm, made, key.encode(), self._value(text))
            return made
        if isinstance(value, str):
            return self._c["json_make_string"](self._vm, value.encode("utf-8", "replace"))
        return self._c["json_make_null"](self._vm) if value is None else self._c["json_make_number"](self._vm, value)

    def _allocate(self, content: bytes) -> int:
        pointer: int = self._c["realloc"](self._vm, None, len(content) + 1)
        ctypes.memmove(pointer, content + b"\0", len(content) + 1)
        return pointer

    def _free(self, pointer: int) -> None:
        self._c["realloc"](self._vm, pointer, 0)


def _functions() -> dict[str, Any]:
    library = ctypes.CDLL(_gojsonnet.__file__)
    functions: dict[str, Any] = {}
    for name, (result, arguments) in _SIGNATURES.items():
        function = library[f"jsonnet_{name}"]
        function.restype, function.argtypes = result, arguments
        functions[name] = function
    return functions
