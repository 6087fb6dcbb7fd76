/* What the parts of the extension give to its module. */
#ifndef WIRETAG_KERNEL_H
#define WIRETAG_KERNEL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Add the types of a part to the module: 0, or -1 with an exception set. */
int add_reading(PyObject *module);
int add_scorer(PyObject *module);

#endif
