/* What the parts of the extension give to its module. */
#ifndef WIRETAG_KERNEL_H
#define WIRETAG_KERNEL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

/* Whether numbers of a size may be read where a buffer lies: a slice of bytes may begin anywhere. */
static inline int is_aligned(const Py_buffer *buffer, size_t size)
{
    return buffer->len == 0 || (uintptr_t)buffer->buf % size == 0;
}

/* Add the types of a part to the module: 0, or -1 with an exception set. */
int add_lines(PyObject *module);
int add_reading(PyObject *module);
int add_scorer(PyObject *module);

#endif
