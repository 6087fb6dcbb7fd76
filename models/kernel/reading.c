/* Lines of a page as stems and vectors, and the cues that compare them. `models/reading.py` is the definition: the same
 * numbers from numpy, and the oracle of the tests. */
#include "kernel.h"
#include "lexicon.h"

#include <math.h>
#include <string.h>

enum { STEM = 6, MIN_STEM = 3, N_HEAD = 4, NEAR = 2, AROUND = 3, BLOCK = 6, STORY = 100 };
enum { N_STRANGER = 19 /* by words */, N_SHAPES = 4, N_CUES = N_STRANGER + N_SHAPES + 1 };
static const double TINY = 1e-9;

typedef struct {
    PyObject_HEAD
    Lexicon lexicon;      /* the stems that have a row, then those that say nothing */
    Py_ssize_t n_rows, n_latent;
    float *vectors;       /* (n_rows, n_latent) */
    double *rarities;     /* (n_rows) */
    double rarest;
    int begun;            /* to be made: that happens once, whether it succeeds or not */
} Vocabulary;

/* Where a stem stands among the lines that are compared; -1 for nowhere. */
typedef struct {
    int32_t first, previous, next, last;
} Seen;
static const Seen UNSEEN = {-1, -1, -1, -1};

typedef struct {
    PyObject_HEAD
    Py_ssize_t n_lines, n_latent, n_stems;
    int32_t n_ids;        /* different stems that say something, numbered as they come */
    double *weights;      /* (n_ids): how rare they are */
    int32_t *ids;         /* stems of all lines, each once a line */
    Py_ssize_t *bounds;   /* n_lines + 1 */
    double *vectors;      /* (n_lines, n_latent): sums over a line's stems */
    double *units;        /* the same, of length one */
    double *sums;         /* (n_lines + 1, n_latent): running sums of `vectors` */
    Seen *seen;           /* (n_ids): for comparing lines; clean between calls */
} Reading;

/* Eight sums side by side: in one, each addition would wait for the one before. */
static inline double dot(const double *a, const double *b, Py_ssize_t n)
{
    double sums[8] = {0}, rest = 0;
    Py_ssize_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) sums[k] += a[i + k] * b[i + k];
    for (; i < n; i++) rest += a[i] * b[i];
    return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) + rest;
}

static inline void minus(double *out, const double *a, const double *b, Py_ssize_t n)
{
    for (Py_ssize_t i = 0; i < n; i++) out[i] = a[i] - b[i];
}

/* ---- the stems of a page: a table as small as the page, so that the vocabulary's is asked once for each ---- */

enum { SILENT = -1 /* id of a stem that says nothing */ };

typedef struct {
    uint32_t letters[STEM]; /* of a stem that is not packed */
    uint64_t low;           /* of a packed stem */
    int32_t n;              /* letters; 0: free */
    int32_t id;
} Stem;

typedef struct {
    Py_ssize_t last_line; /* in which a stem was seen, or -1 */
    int32_t row;          /* of the vocabulary, or -1 */
} Known;

typedef struct {
    Stem *slots;
    Py_ssize_t mask, used;
    Known *known;           /* (room): by id */
    int32_t room;           /* of `known` and the reading's `weights` */
} Stems;

static Stem *stem_slot(const Stems *table, const Key *key)
{
    for (Py_ssize_t at = (Py_ssize_t)hash_key(key) & table->mask;; at = (at + 1) & table->mask) {
        Stem *stem = &table->slots[at];
        if (!stem->n) return stem;
        if (stem->n == key->n && stem->low == key->low &&
            (!key->letters || memcmp(stem->letters, key->letters, (size_t)key->n * sizeof *key->letters) == 0))
            return stem;
    }
}

static int stems_grow(Stems *table)
{
    Stems larger = *table;
    larger.mask = table->mask * 2 + 1;
    larger.slots = PyMem_Calloc((size_t)larger.mask + 1, sizeof *larger.slots);
    if (!larger.slots) return -1;
    for (Py_ssize_t i = 0; i <= table->mask; i++) {
        const Stem *stem = &table->slots[i];
        Key key = {stem->low, 0, stem->low ? NULL : stem->letters, stem->n};
        if (stem->n) *stem_slot(&larger, &key) = *stem;
    }
    PyMem_Free(table->slots);
    *table = larger;
    return 0;
}

/* Number a stem that was not met before. 0, or -1 for want of memory. */
static int stem_number(Stems *table, Stem *stem, const Key *key, const Vocabulary *v, Reading *reading)
{
    int32_t row = lexicon_find(&v->lexicon, key);
    if (row < v->n_rows) {
        if (reading->n_ids == table->room) {
            Known *known = PyMem_Realloc(table->known, (size_t)table->room * 2 * sizeof *known);
            if (!known) return -1;
            table->known = known;
            double *weights = PyMem_Realloc(reading->weights, (size_t)table->room * 2 * sizeof *weights);
            if (!weights) return -1;
            reading->weights = weights;
            table->room *= 2;
        }
        reading->weights[reading->n_ids] = row < 0 ? v->rarest : v->rarities[row];
        table->known[reading->n_ids] = (Known){-1, row};
        const float *vector = v->vectors + (row < 0 ? 0 : (Py_ssize_t)row) * v->n_latent; /* wanted at the end of the line */
        for (Py_ssize_t i = 0; i < v->n_latent; i += 16) PREFETCH(vector + i);
        stem->id = reading->n_ids++;
    } else {
        stem->id = SILENT;
    }
    if (key->letters) memcpy(stem->letters, key->letters, (size_t)key->n * sizeof *key->letters);
    stem->low = key->low;
    stem->n = (int32_t)key->n;
    table->used++;
    return 0;
}

/* ---- Reading ---- */

static void reading_dealloc(Reading *self)
{
    PyMem_Free(self->weights);
    PyMem_Free(self->ids);
    PyMem_Free(self->bounds);
    PyMem_Free(self->vectors);
    PyMem_Free(self->units);
    PyMem_Free(self->sums);
    PyMem_Free(self->seen);
    Py_TYPE(self)->tp_free(self);
}

/* Append the stems of a line, each once. */
static int read_line(Reading *self, const Vocabulary *v, Py_ssize_t line, PyObject *text, Stems *table, Py_ssize_t *ids_room)
{
    uint32_t letters[STEM];
    Words words;
    Key key;
    Py_ssize_t n;
    if (words_init(&words, text) < 0) return -1;
    while ((n = words_next(&words, &key, STEM, letters)) > 0) {
        if (n < MIN_STEM) continue;
        Stem *stem = stem_slot(table, &key);
        if (!stem->n) {
            if (2 * (table->used + 1) > table->mask) {
                if (stems_grow(table) < 0) goto no_memory;
                stem = stem_slot(table, &key);
            }
            if (stem_number(table, stem, &key, v, self) < 0) goto no_memory;
        }
        if (stem->id == SILENT || table->known[stem->id].last_line == line) continue;
        table->known[stem->id].last_line = line;
        if (self->n_stems == *ids_room) {
            int32_t *grown = PyMem_Realloc(self->ids, (size_t)(*ids_room * 2) * sizeof *grown);
            if (!grown) goto no_memory;
            self->ids = grown;
            *ids_room *= 2;
        }
        self->ids[self->n_stems++] = stem->id;
    }
    double *restrict vector = self->vectors + line * self->n_latent;
    for (Py_ssize_t s = self->bounds[line]; s < self->n_stems; s++) {
        Py_ssize_t row = table->known[self->ids[s]].row;
        if (row < 0) continue;
        const float *restrict added = v->vectors + row * v->n_latent;
        for (Py_ssize_t i = 0; i < v->n_latent; i++) vector[i] += added[i];
    }
    words_free(&words);
    return 0;
no_memory:
    words_free(&words);
    PyErr_NoMemory();
    return -1;
}

static PyTypeObject ReadingType;

static PyObject *vocabulary_read(Vocabulary *self, PyObject *texts)
{
    if (!self->rarities) {
        PyErr_SetString(PyExc_RuntimeError, "the vocabulary was not made");
        return NULL;
    }
    if (!PyList_Check(texts)) {
        PyErr_SetString(PyExc_TypeError, "texts must be a list");
        return NULL;
    }
    Py_ssize_t n = PyList_GET_SIZE(texts), d = self->n_latent;
    if (d && n >= PY_SSIZE_T_MAX / (Py_ssize_t)sizeof(double) / d - 1) return PyErr_NoMemory();
    Reading *reading = PyObject_New(Reading, &ReadingType);
    if (!reading) return NULL;
    Py_ssize_t ids_room = 1024;
    Stems table = {.slots = PyMem_Calloc(1024, sizeof(Stem)), .mask = 1023, .room = 256};
    table.known = PyMem_Malloc((size_t)table.room * sizeof *table.known);
    reading->n_lines = n;
    reading->n_latent = d;
    reading->n_stems = reading->n_ids = 0;
    reading->seen = NULL;
    reading->weights = PyMem_Malloc((size_t)table.room * sizeof *reading->weights);
    reading->ids = PyMem_Malloc((size_t)ids_room * sizeof *reading->ids);
    reading->bounds = PyMem_Calloc((size_t)n + 1, sizeof *reading->bounds);
    reading->vectors = PyMem_Calloc((size_t)(n * d) + 1, sizeof *reading->vectors);
    reading->units = PyMem_Calloc((size_t)(n * d) + 1, sizeof *reading->units);
    reading->sums = PyMem_Calloc((size_t)((n + 1) * d) + 1, sizeof *reading->sums);
    int failed = !table.slots || !table.known || !reading->weights || !reading->ids || !reading->bounds || !reading->vectors ||
                 !reading->units || !reading->sums;
    if (failed) PyErr_NoMemory();
    for (Py_ssize_t line = 0; !failed && line < n; line++) {
        if (line >= PyList_GET_SIZE(texts)) {
            PyErr_SetString(PyExc_RuntimeError, "texts changed while they were read");
            failed = 1;
            break;
        }
        failed = read_line(reading, self, line, PyList_GET_ITEM(texts, line), &table, &ids_room) < 0;
        reading->bounds[line + 1] = reading->n_stems;
        const double *vector = reading->vectors + line * d;
        double *unit = reading->units + line * d, *sum = reading->sums + line * d;
        double length = sqrt(dot(vector, vector, d)) + TINY;
        for (Py_ssize_t i = 0; i < d; i++) {
            unit[i] = vector[i] / length;
            sum[d + i] = sum[i] + vector[i];
        }
    }
    PyMem_Free(table.known);
    PyMem_Free(table.slots);
    if (!failed && !(reading->seen = PyMem_Malloc((size_t)reading->n_ids * sizeof *reading->seen + 1))) {
        PyErr_NoMemory();
        failed = 1;
    }
    for (int32_t id = 0; !failed && id < reading->n_ids; id++) reading->seen[id] = UNSEEN;
    if (failed) {
        Py_DECREF(reading);
        return NULL;
    }
    return (PyObject *)reading;
}

static int in_range(const Reading *self, Py_ssize_t start, Py_ssize_t end)
{
    if (0 <= start && start <= end && end <= self->n_lines) return 1;
    PyErr_Format(PyExc_IndexError, "lines %zd to %zd of %zd", start, end, self->n_lines);
    return 0;
}

static double length(const double *a, Py_ssize_t n)
{
    return sqrt(dot(a, a, n)) + TINY;
}

static double cosine(const double *a, const double *b, Py_ssize_t n)
{
    return dot(a, b, n) / (length(a, n) * length(b, n));
}

/* The word cues of line i: how much of it stands above, at the head, elsewhere, before and after. Marks its stems as seen. */
static void word_cues(Reading *self, Py_ssize_t start, Py_ssize_t i, double *row)
{
    double total = 0, above = 0, head = 0, page = 0, before = 0, rarest = 0;
    for (Py_ssize_t s = self->bounds[start + i]; s < self->bounds[start + i + 1]; s++) {
        Seen *seen = &self->seen[self->ids[s]];
        double weight = self->weights[self->ids[s]];
        total += weight;
        if (seen->first < i) {
            above += weight;
            if (seen->first < N_HEAD) head += weight;
            if (weight > rarest) rarest = weight;
            if (i - seen->previous <= NEAR) before += weight;
        }
        if (seen->first < i || seen->last > i) page += weight;
        seen->previous = (int32_t)i;
    }
    total += TINY;
    row[0] = above / total;
    row[1] = head / total;
    row[2] = page / total;
    row[3] = log1p(above);
    row[4] = log1p(head);
    row[5] = log1p(page);
    row[6] = log1p(total - above);
    row[7] = rarest / 10;
    row[8] = before / total;
    row[9] /= total; /* what stands in the lines below came from the pass from below */
    row[18] = head == 0;
}

/* The cues of line i in the space of latent topics. `near` is scratch; `units_above` is the sum of the units above. */
static void latent_cues(const Reading *self, Py_ssize_t start, Py_ssize_t end, Py_ssize_t i, double *near, const double *units_above,
                        double *row)
{
    Py_ssize_t d = self->n_latent, n = end - start;
    const double *unit = self->units + (start + i) * d, *vector = self->vectors + (start + i) * d;
    const double *top = self->sums + start * d, *here = top + i * d, *bottom = self->sums + end * d;
    Py_ssize_t head = i < N_HEAD ? i : N_HEAD, from = i > NEAR ? i - NEAR : 0, until = i + 1 + NEAR < n ? i + 1 + NEAR : n;

    minus(near, here, top, d);
    double story_length = length(near, d);
    row[10] = dot(unit, near, d) / story_length;
    minus(near, top + head * d, top, d);
    row[11] = dot(unit, near, d) / length(near, d);
    minus(near, bottom, top, d);
    minus(near, near, vector, d);
    row[12] = dot(unit, near, d) / length(near, d);
    row[13] = 0;
    for (Py_ssize_t j = 0; j < i; j++) {
        double alike = dot(unit, self->units + (start + j) * d, d);
        if (alike > row[13]) row[13] = alike;
    }
    minus(near, here, top + from * d, d);
    double near_length = length(near, d);
    row[14] = dot(unit, near, d) / near_length;
    row[17] = (dot(here, near, d) - dot(top, near, d)) / (story_length * near_length);
    minus(near, top + until * d, here + d, d);
    row[15] = dot(unit, near, d) / length(near, d);
    row[16] = i ? dot(unit, units_above, d) / (double)i : 0;
}

/* The cues of lines `start` to `end`: (lines, N_CUES). 0, or -1 with an exception set. */
static int fill_cues(Reading *self, Py_ssize_t start, Py_ssize_t end, const uint8_t *shapes, double *cues)
{
    Py_ssize_t n = end - start, d = self->n_latent;
    double *near = PyMem_Calloc((size_t)d * 2 + 1, sizeof *near), *units_above = near + d;
    if (!near) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = n - 1; i >= 0; i--) {
        double after = 0;
        for (Py_ssize_t s = self->bounds[start + i]; s < self->bounds[start + i + 1]; s++) {
            Seen *seen = &self->seen[self->ids[s]];
            if (seen->next >= 0 && seen->next - i <= NEAR) after += self->weights[self->ids[s]];
            if (seen->last < 0) seen->last = (int32_t)i;
            seen->first = seen->next = (int32_t)i;
        }
        cues[i * N_CUES + 9] = after;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        double *row = cues + i * N_CUES;
        word_cues(self, start, i, row);
        latent_cues(self, start, end, i, near, units_above, row);
        for (int bit = 0; bit < N_SHAPES; bit++) row[N_STRANGER + bit] = shapes[start + i] >> bit & 1;
        row[N_CUES - 1] = log1p((double)i);
        for (Py_ssize_t k = 0; k < d; k++) units_above[k] += self->units[(start + i) * d + k];
    }
    for (Py_ssize_t s = self->bounds[start]; s < self->bounds[end]; s++) self->seen[self->ids[s]] = UNSEEN;
    PyMem_Free(near);
    return 0;
}

/* Whether lines may be compared with these shapes, and what is made of them may be written. */
static int fit(const Reading *self, Py_ssize_t start, Py_ssize_t end, const Py_buffer *shapes, const Py_buffer *out, Py_ssize_t columns)
{
    if (!in_range(self, start, end)) return 0; /* before anything is reckoned with them */
    if (shapes->len == self->n_lines && out->len / columns / (Py_ssize_t)sizeof(double) == end - start &&
        out->len % (columns * (Py_ssize_t)sizeof(double)) == 0 && is_aligned(out, sizeof(double)))
        return 1;
    PyErr_SetString(PyExc_ValueError, "shapes or out are of another size than the lines, or not aligned");
    return 0;
}

PyDoc_STRVAR(stranger_cues_doc, "stranger_cues(start, end, shapes, out)\n--\n\n"
             "Write the cues of lines `start` to `end` into float64 (lines, cues). `shapes` has a byte for every line.");

static PyObject *reading_stranger_cues(Reading *self, PyObject *args)
{
    Py_ssize_t start, end;
    Py_buffer shapes, out;
    if (!PyArg_ParseTuple(args, "nny*w*", &start, &end, &shapes, &out)) return NULL;
    int done = fit(self, start, end, &shapes, &out, N_CUES) && fill_cues(self, start, end, shapes.buf, out.buf) == 0;
    PyBuffer_Release(&shapes);
    PyBuffer_Release(&out);
    return done ? Py_NewRef(Py_None) : NULL;
}

PyDoc_STRVAR(stranger_odds_doc, "stranger_odds(start, end, shapes, weights, bias, out)\n--\n\n"
             "Write what a linear scorer makes of the cues of lines `start` to `end` into float64 (lines).");

static PyObject *reading_stranger_odds(Reading *self, PyObject *args)
{
    Py_ssize_t start, end;
    Py_buffer shapes, weights, out;
    double bias, *cues = NULL;
    int done = 0;
    if (!PyArg_ParseTuple(args, "nny*y*dw*", &start, &end, &shapes, &weights, &bias, &out)) return NULL;
    if (!fit(self, start, end, &shapes, &out, 1)) goto release;
    if (weights.len != N_CUES * (Py_ssize_t)sizeof(double) || !is_aligned(&weights, sizeof(double))) {
        PyErr_SetString(PyExc_ValueError, "there must be a weight for each cue, and aligned");
        goto release;
    }
    if (!(cues = PyMem_Malloc((size_t)(end - start) * N_CUES * sizeof *cues + 1))) {
        PyErr_NoMemory();
        goto release;
    }
    done = fill_cues(self, start, end, shapes.buf, cues) == 0;
    for (Py_ssize_t i = 0; done && i < end - start; i++) ((double *)out.buf)[i] = dot(cues + i * N_CUES, weights.buf, N_CUES) + bias;
release:
    PyMem_Free(cues);
    PyBuffer_Release(&shapes);
    PyBuffer_Release(&weights);
    PyBuffer_Release(&out);
    return done ? Py_NewRef(Py_None) : NULL;
}

/* The share of the stems of lines a to b, by rarity, that stand in lines c to d. */
static double share(Reading *self, Py_ssize_t a, Py_ssize_t b, Py_ssize_t c, Py_ssize_t d)
{
    double total = 0, shared = 0;
    for (Py_ssize_t s = self->bounds[c]; s < self->bounds[d]; s++) self->seen[self->ids[s]].first = 0;
    for (Py_ssize_t s = self->bounds[a]; s < self->bounds[b]; s++) {
        double weight = self->weights[self->ids[s]];
        total += weight;
        if (self->seen[self->ids[s]].first == 0) shared += weight;
    }
    for (Py_ssize_t s = self->bounds[c]; s < self->bounds[d]; s++) self->seen[self->ids[s]] = UNSEEN;
    return total > 0 ? shared / total : 0;
}

PyDoc_STRVAR(share_doc, "share(start, end, other_start, other_end)\n--\n\n"
             "The share of some lines' stems, weighted by rarity, that stand in others.");

static PyObject *reading_share(Reading *self, PyObject *args)
{
    Py_ssize_t a, b, c, d;
    if (!PyArg_ParseTuple(args, "nnnn", &a, &b, &c, &d) || !in_range(self, a, b) || !in_range(self, c, d)) return NULL;
    return PyFloat_FromDouble(share(self, a, b, c, d));
}

PyDoc_STRVAR(opening_cues_doc, "opening_cues(start, index)\n--\n\n"
             "The word and latent cues of line `index` to open another story than that of `start`, in order.");

static PyObject *reading_opening_cues(Reading *self, PyObject *args)
{
    Py_ssize_t start, index;
    if (!PyArg_ParseTuple(args, "nn", &start, &index)) return NULL;
    Py_ssize_t n = self->n_lines, d = self->n_latent;
    if (!in_range(self, start, index) || !in_range(self, index, index + 1)) return NULL;
    double *scratch = PyMem_Malloc((size_t)d * 4 * sizeof *scratch + 1);
    if (!scratch) return PyErr_NoMemory();
    Py_ssize_t top = start > index - STORY ? start : index - STORY, end = index + 1 + BLOCK < n ? index + 1 + BLOCK : n;
    Py_ssize_t near = index + 1 + AROUND < n ? index + 1 + AROUND : n, from = start > index - AROUND ? start : index - AROUND;
    double *block = scratch, *story = scratch + d, *below = scratch + 2 * d, *above = scratch + 3 * d;
    const double *head = self->vectors + index * d, *sums = self->sums;
    minus(block, sums + end * d, sums + (index + 1) * d, d);
    minus(story, sums + index * d, sums + top * d, d);
    minus(below, sums + near * d, sums + (index + 1) * d, d);
    minus(above, sums + index * d, sums + from * d, d);
    PyObject *cues = Py_BuildValue(
        "(ddddddd)", cosine(block, story, d), cosine(below, above, d), cosine(head, block, d), cosine(head, story, d),
        share(self, index + 1, end, top, index), share(self, index, index + 1, index + 1, end), share(self, index, index + 1, top, index));
    PyMem_Free(scratch);
    return cues;
}

static PyMethodDef reading_methods[] = {
    {"stranger_cues", (PyCFunction)reading_stranger_cues, METH_VARARGS, stranger_cues_doc},
    {"stranger_odds", (PyCFunction)reading_stranger_odds, METH_VARARGS, stranger_odds_doc},
    {"opening_cues", (PyCFunction)reading_opening_cues, METH_VARARGS, opening_cues_doc},
    {"share", (PyCFunction)reading_share, METH_VARARGS, share_doc},
    {NULL},
};

static PyTypeObject ReadingType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "models._kernel.Reading",
    .tp_basicsize = sizeof(Reading),
    .tp_dealloc = (destructor)reading_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_doc = "Lines of a page with the stems that stand in them, each once a line.",
    .tp_methods = reading_methods,
};

/* ---- Vocabulary ---- */

PyDoc_STRVAR(vocabulary_doc, "Vocabulary(stems, vectors, rarities)\n--\n\n"
             "Stems with a row in float32 `vectors` and `rarities`; stems beyond the rows say nothing.");

static int vocabulary_init(Vocabulary *self, PyObject *args, PyObject *kwargs)
{
    PyObject *stems;
    Py_buffer vectors, rarities;
    static char *names[] = {"stems", "vectors", "rarities", NULL};
    if (self->begun) {
        PyErr_SetString(PyExc_RuntimeError, "a vocabulary is made once");
        return -1;
    }
    self->begun = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "Oy*y*", names, &stems, &vectors, &rarities)) return -1;
    int result = -1;
    Py_ssize_t n = rarities.len / (Py_ssize_t)sizeof(float), cells = vectors.len / (Py_ssize_t)sizeof(float);
    if (lexicon_init(&self->lexicon, stems) < 0) goto done;
    if (n > self->lexicon.n_words || (n ? cells % n : cells) || self->lexicon.longest > STEM || !is_aligned(&rarities, sizeof(float))) {
        PyErr_SetString(PyExc_ValueError, "stems, vectors and rarities do not fit together, or are not aligned");
        goto done;
    }
    self->n_latent = n ? cells / n : 0;
    self->vectors = PyMem_Malloc((size_t)vectors.len + 1);
    double *weights = PyMem_Malloc((size_t)n * sizeof *weights + 1);
    if (!self->vectors || !weights) {
        PyMem_Free(weights);
        PyErr_NoMemory();
        goto done;
    }
    memcpy(self->vectors, vectors.buf, (size_t)vectors.len);
    self->rarest = 1;
    for (Py_ssize_t i = 0; i < n; i++) {
        weights[i] = ((const float *)rarities.buf)[i];
        if (weights[i] > self->rarest) self->rarest = weights[i];
    }
    self->n_rows = n;
    self->rarities = weights; /* last: with it the vocabulary is made */
    result = 0;
done:
    PyBuffer_Release(&vectors);
    PyBuffer_Release(&rarities);
    return result;
}

static void vocabulary_dealloc(Vocabulary *self)
{
    lexicon_free(&self->lexicon);
    PyMem_Free(self->vectors);
    PyMem_Free(self->rarities);
    Py_TYPE(self)->tp_free(self);
}

PyDoc_STRVAR(read_doc, "read(texts)\n--\n\nThe stems of lines.");

static PyMethodDef vocabulary_methods[] = {
    {"read", (PyCFunction)vocabulary_read, METH_O, read_doc},
    {NULL},
};

static PyTypeObject VocabularyType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "models._kernel.Vocabulary",
    .tp_basicsize = sizeof(Vocabulary),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = vocabulary_doc,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)vocabulary_init,
    .tp_dealloc = (destructor)vocabulary_dealloc,
    .tp_methods = vocabulary_methods,
};

int add_reading(PyObject *module)
{
    if (PyType_Ready(&ReadingType) < 0) return -1;
    return PyModule_AddType(module, &VocabularyType);
}
