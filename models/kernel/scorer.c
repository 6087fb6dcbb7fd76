/* Texts to margins and scores. `models/scoring.py` is the definition: the same numbers from numpy, and the oracle of the tests. */
#include "kernel.h"
#include "lexicon.h"

#include <math.h>
#include <string.h>

enum { AHEAD = 16 /* tokens read before they are looked up */, LONG_TEXT = 100000 /* letters from which other threads run meanwhile */, N_LOGS = 64, LANGUAGE_SAMPLE = 200 };

/* A pair of neighbouring words that is a feature. */
typedef struct {
    int32_t left, right, feature; /* left -1: a free slot */
} Pair;

/* What one text needs besides the model; kept between calls, since most of it is the size of the vocabulary. */
typedef struct {
    int32_t *counts;  /* (n_features): zero between calls */
    int32_t *touched; /* features with a count */
    int32_t *tokens;  /* word of every token, or -1, or n_words + i for function word i */
    uint32_t *letters;
    Py_ssize_t room; /* of tokens */
    int in_use;
} Scratch;

typedef struct {
    PyObject_HEAD
    Lexicon lexicon; /* the words of the vocabulary, then the function words of English that are not among them */
    Py_ssize_t n_words, n_pairs, n_features, n_topics, pair_mask;
    Pair *pairs;
    uint8_t *filter; /* a bit for the hash of each pair */
    uint32_t filter_mask;
    uint8_t *is_function; /* (lexicon.n_words) */
    int32_t *kinds;  /* (n_words + 1): feature of a word's kind, or -1 */
    /* (n_features, 1 + n_topics): idf and coefficients of a feature side by side; a release holds float32. Features are the words,
     * the unknown word, which weighs nothing, the pairs, the kinds. */
    float *rows;
    double *bias;
    double logs[N_LOGS];
    Scratch scratch;
    int begun; /* to be made: that happens once, whether it succeeds or not */
} Scorer;

typedef struct {
    Py_ssize_t n_tokens, n_known, n_seen, n_function;
} Counts;

static inline uint32_t hash_pair(int32_t left, int32_t right)
{
    uint64_t key = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(key >> 32);
}

static int32_t find_pair(const Scorer *self, int32_t left, int32_t right)
{
    for (Py_ssize_t slot = hash_pair(left, right) & self->pair_mask; self->pairs[slot].left >= 0; slot = (slot + 1) & self->pair_mask)
        if (self->pairs[slot].left == left && self->pairs[slot].right == right) return self->pairs[slot].feature;
    return -1;
}

static void scratch_free(Scratch *scratch)
{
    PyMem_RawFree(scratch->counts);
    PyMem_RawFree(scratch->touched);
    PyMem_RawFree(scratch->tokens);
    PyMem_RawFree(scratch->letters);
    memset(scratch, 0, sizeof *scratch);
}

static int scratch_init(Scratch *scratch, const Scorer *self)
{
    memset(scratch, 0, sizeof *scratch);
    scratch->room = 1024;
    scratch->counts = PyMem_RawCalloc((size_t)self->n_features, sizeof *scratch->counts);
    scratch->touched = PyMem_RawMalloc(((size_t)self->n_features + 1 /* what `count` writes and does not keep */) * sizeof *scratch->touched);
    scratch->tokens = PyMem_RawMalloc((size_t)scratch->room * sizeof *scratch->tokens);
    scratch->letters = PyMem_RawMalloc(((size_t)self->lexicon.longest + PACKED + 1) * sizeof *scratch->letters);
    return scratch->counts && scratch->touched && scratch->tokens && scratch->letters ? 0 : -1;
}

/* Read the tokens of a text into scratch. 0, or -1 for want of memory. Needs no interpreter lock. */
static int read_tokens(const Scorer *self, Words *words, Scratch *scratch, Counts *counts)
{
    const Py_ssize_t longest = self->lexicon.longest > PACKED ? self->lexicon.longest : PACKED;
    Py_ssize_t n = 1, at = 0;
    Key keys[AHEAD];
    Py_ssize_t slots[AHEAD];
    memset(counts, 0, sizeof *counts);
    while (n > 0) {
        int held = 0;
        while (held < AHEAD && (n = words_next(words, &keys[held], longest + 1, scratch->letters)) > 0) {
            if (n < 2) continue;
            /* a letter more than any known word has is never packed: no word passes for its beginning */
            if (keys[held].letters) { /* its letters lie where the next ones will: find it now */
                keys[held].n = n > longest ? -1 : lexicon_find(&self->lexicon, &keys[held]);
            } else slots[held] = lexicon_slot(&self->lexicon, hash_key(&keys[held]));
            held++;
        }
        if (at + AHEAD > scratch->room) {
            int32_t *grown = PyMem_RawRealloc(scratch->tokens, (size_t)scratch->room * 2 * sizeof *grown);
            if (!grown) return -1;
            scratch->tokens = grown;
            scratch->room *= 2;
        }
        for (int i = 0; i < held; i++) {
            int32_t id = keys[i].letters ? (int32_t)keys[i].n : lexicon_find_at(&self->lexicon, &keys[i], slots[i]);
            counts->n_known += id >= 0 && id < self->n_words;
            scratch->tokens[at++] = id;
        }
    }
    counts->n_tokens = at;
    /* whether it is English is told by a sample of tokens all over the text */
    for (Py_ssize_t i = 0, step = 1 + at / LANGUAGE_SAMPLE; i < at; i += step) {
        counts->n_seen++;
        counts->n_function += scratch->tokens[i] >= 0 && self->is_function[scratch->tokens[i]];
    }
    return 0;
}

static inline void count(const Scorer *self, Scratch *scratch, int32_t feature, Py_ssize_t *n)
{
    PREFETCH(self->rows + (Py_ssize_t)feature * (1 + self->n_topics));
    scratch->touched[*n] = feature; /* kept if it is the first of its kind; no branch, since none could be foreseen */
    *n += scratch->counts[feature]++ == 0;
}

/* Margins from the tokens in scratch; leaves its counts at zero. Needs no interpreter lock. */
static void weigh(const Scorer *self, Scratch *scratch, Py_ssize_t n_tokens, double *margins)
{
    Py_ssize_t n = 0, n_topics = self->n_topics;
    int32_t last = (int32_t)self->n_words;
    Pair maybe[AHEAD];
    int n_maybe = 0;
    for (Py_ssize_t i = 0; i < n_tokens; i++) {
        uint32_t token = (uint32_t)scratch->tokens[i], unknown = (uint32_t)self->n_words;
        int32_t id = (int32_t)(token < unknown ? token : unknown); /* unknown words are a feature too, of no weight: no branch */
        count(self, scratch, id, &n);
        if (self->kinds[id] >= 0) count(self, scratch, self->kinds[id], &n);
        uint32_t hash = hash_pair(last, id), bit = hash & self->filter_mask;
        maybe[n_maybe] = (Pair){last, id, 0}; /* kept if the filter knows it: most pairs are none of ours */
        n_maybe += self->filter[bit >> 3] >> (bit & 7) & 1;
        PREFETCH(&self->pairs[hash & self->pair_mask]);
        last = id;
        if (n_maybe < AHEAD && i < n_tokens - 1) continue;
        for (; n_maybe; n_maybe--) {
            int32_t pair = find_pair(self, maybe[n_maybe - 1].left, maybe[n_maybe - 1].right);
            if (pair >= 0) count(self, scratch, pair, &n);
        }
    }
    double norm = 0;
    for (Py_ssize_t t = 0; t < n_topics; t++) margins[t] = 0;
    for (Py_ssize_t i = 0; i < n; i++) {
        int32_t feature = scratch->touched[i], times = scratch->counts[feature];
        const float *row = self->rows + (Py_ssize_t)feature * (1 + n_topics);
        double weight = (1.0 + (times < N_LOGS ? self->logs[times] : log(times))) * row[0];
        scratch->counts[feature] = 0;
        norm += weight * weight;
        for (Py_ssize_t t = 0; t < n_topics; t++) margins[t] += weight * row[1 + t];
    }
    norm = norm > 0 ? 1.0 / sqrt(norm) : 0.0;
    for (Py_ssize_t t = 0; t < n_topics; t++) margins[t] = margins[t] * norm + self->bias[t];
}

static double logistic(double margin)
{
    if (margin >= 0) return 1.0 / (1.0 + exp(-margin));
    double e = exp(margin);
    return e / (1.0 + e);
}

/* Score one text into margins: 0, or -1 with an exception set. */
static int score_text(Scorer *self, PyObject *text, double *margins, Counts *counts)
{
    if (!self->rows) {
        PyErr_SetString(PyExc_RuntimeError, "the scorer was not made");
        return -1;
    }
    Words words;
    Scratch own, *scratch = &self->scratch;
    int failed;
    if (words_init(&words, text) < 0) return -1;
    if (self->scratch.in_use) { /* another thread scores with it */
        scratch = &own;
        if (scratch_init(scratch, self) < 0) {
            scratch_free(scratch);
            words_free(&words);
            PyErr_NoMemory();
            return -1;
        }
    }
    scratch->in_use = 1;
    Py_INCREF(text);
    /* handing the interpreter to another thread and back takes longer than most texts do */
    PyThreadState *state = words.length > LONG_TEXT ? PyEval_SaveThread() : NULL;
    failed = read_tokens(self, &words, scratch, counts);
    if (!failed) weigh(self, scratch, counts->n_tokens, margins);
    if (state) PyEval_RestoreThread(state);
    Py_DECREF(text);
    scratch->in_use = 0;
    if (scratch == &own) scratch_free(&own);
    words_free(&words);
    if (failed) PyErr_NoMemory();
    return failed;
}

static PyObject *floats(const double *values, Py_ssize_t n, int as_scores)
{
    PyObject *list = PyList_New(n);
    for (Py_ssize_t t = 0; list && t < n; t++) {
        PyObject *value = PyFloat_FromDouble(as_scores ? logistic(values[t]) : values[t]);
        if (!value) Py_CLEAR(list);
        else PyList_SET_ITEM(list, t, value);
    }
    return list;
}

PyDoc_STRVAR(score_doc, "score(text)\n--\n\n"
             "Margins, scores, and the numbers of tokens, of known ones, of those looked at for the language and of English ones.");

static PyObject *scorer_score(Scorer *self, PyObject *text)
{
    double few[32], *margins = few;
    Counts counts;
    if (self->n_topics > 32 && !(margins = PyMem_Malloc((size_t)self->n_topics * sizeof *margins))) return PyErr_NoMemory();
    PyObject *result = NULL;
    if (score_text(self, text, margins, &counts) == 0)
        result = Py_BuildValue("(NNnnnn)", floats(margins, self->n_topics, 0), floats(margins, self->n_topics, 1), counts.n_tokens,
                               counts.n_known, counts.n_seen, counts.n_function);
    if (margins != few) PyMem_Free(margins);
    return result;
}

PyDoc_STRVAR(score_many_doc, "score_many(texts, scores)\n--\n\nWrite the scores of texts into float64 (texts, topics).");

static PyObject *scorer_score_many(Scorer *self, PyObject *args)
{
    PyObject *texts;
    Py_buffer out;
    if (!PyArg_ParseTuple(args, "O!w*", &PyList_Type, &texts, &out)) return NULL;
    Py_ssize_t n = PyList_GET_SIZE(texts), n_topics = self->n_topics;
    double *scores = out.buf;
    PyObject *result = NULL;
    if (out.len < n * n_topics * (Py_ssize_t)sizeof *scores || !is_aligned(&out, sizeof *scores)) {
        PyErr_SetString(PyExc_ValueError, "scores is too small, or not aligned");
        goto done;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        Counts counts;
        if (i >= PyList_GET_SIZE(texts)) {
            PyErr_SetString(PyExc_RuntimeError, "texts changed while they were scored");
            goto done;
        }
        if (score_text(self, PyList_GET_ITEM(texts, i), scores + i * n_topics, &counts) < 0) goto done;
        for (Py_ssize_t t = 0; t < n_topics; t++) scores[i * n_topics + t] = logistic(scores[i * n_topics + t]);
    }
    result = Py_NewRef(Py_None);
done:
    PyBuffer_Release(&out);
    return result;
}

/* ---- making one ---- */

static void scorer_dealloc(Scorer *self)
{
    lexicon_free(&self->lexicon);
    PyMem_Free(self->pairs);
    PyMem_Free(self->filter);
    PyMem_Free(self->is_function);
    PyMem_Free(self->kinds);
    PyMem_Free(self->rows);
    PyMem_Free(self->bias);
    scratch_free(&self->scratch);
    Py_TYPE(self)->tp_free(self);
}

/* The words that tell English: those of the vocabulary are marked, the others stand behind it. */
static int mark_function_words(Scorer *self, PyObject *words, PyObject *function_words)
{
    /* copies, since the hash of a subclass of str may run anything, that changes the lists too */
    PyObject *every = PyList_GetSlice(words, 0, self->n_words), *others = PyList_GetSlice(function_words, 0, PY_SSIZE_T_MAX);
    PyObject *known = every ? PySet_New(every) : NULL, *wanted = others ? PySet_New(others) : NULL;
    int failed = !known || !wanted;
    if (!failed && PyList_GET_SIZE(every) != self->n_words) {
        PyErr_SetString(PyExc_RuntimeError, "words changed while they were read");
        failed = 1;
    }
    for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(others); i++) {
        int there = PySet_Contains(known, PyList_GET_ITEM(others, i));
        failed = there < 0 || (!there && PyList_Append(every, PyList_GET_ITEM(others, i)) < 0);
    }
    failed = failed || lexicon_init(&self->lexicon, every) < 0;
    if (!failed && !(self->is_function = PyMem_Calloc((size_t)self->lexicon.n_words + 1, 1))) {
        PyErr_NoMemory();
        failed = 1;
    }
    for (Py_ssize_t i = 0; !failed && i < PyList_GET_SIZE(every); i++) {
        if (i >= self->n_words) self->is_function[i] = 1;
        else {
            int is_one = PySet_Contains(wanted, PyList_GET_ITEM(every, i));
            failed = is_one < 0;
            self->is_function[i] = is_one == 1;
        }
    }
    Py_XDECREF(every);
    Py_XDECREF(others);
    Py_XDECREF(known);
    Py_XDECREF(wanted);
    return failed ? -1 : 0;
}

static int add_pairs(Scorer *self, const int32_t *pairs)
{
    Py_ssize_t slots = 8;
    while (slots < 2 * self->n_pairs) slots *= 2;
    self->pair_mask = slots - 1;
    self->pairs = PyMem_Malloc((size_t)slots * sizeof *self->pairs);
    self->filter_mask = (uint32_t)(8 * slots - 1);
    self->filter = PyMem_Calloc((size_t)slots, 1);
    if (!self->pairs || !self->filter) {
        PyErr_NoMemory();
        return -1;
    }
    memset(self->pairs, 0xff, (size_t)slots * sizeof *self->pairs);
    for (Py_ssize_t i = 0; i < self->n_pairs; i++) {
        int32_t left = pairs[2 * i], right = pairs[2 * i + 1];
        if (left < 0 || right < 0 || left >= self->n_words || right >= self->n_words || find_pair(self, left, right) >= 0) {
            PyErr_SetString(PyExc_ValueError, "a pair points outside the words, or stands twice");
            return -1;
        }
        Py_ssize_t slot = hash_pair(left, right) & self->pair_mask;
        while (self->pairs[slot].left >= 0) slot = (slot + 1) & self->pair_mask;
        self->pairs[slot] = (Pair){left, right, (int32_t)(self->n_words + 1 + i)};
        uint32_t hash = hash_pair(left, right) & self->filter_mask;
        self->filter[hash >> 3] |= (uint8_t)(1 << (hash & 7));
    }
    return 0;
}

static int add_kinds(Scorer *self, const int32_t *kinds)
{
    Py_ssize_t n_kinds = self->n_features - self->n_words - 1 - self->n_pairs;
    if (!(self->kinds = PyMem_Malloc(((size_t)self->n_words + 1) * sizeof *self->kinds))) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < self->n_words; i++) {
        if (kinds[i] < -1 || kinds[i] >= n_kinds) {
            PyErr_SetString(PyExc_ValueError, "a kind points outside the features");
            return -1;
        }
        self->kinds[i] = kinds[i] < 0 ? -1 : (int32_t)(self->n_words + 1 + self->n_pairs + kinds[i]);
    }
    self->kinds[self->n_words] = -1;
    return 0;
}

PyDoc_STRVAR(scorer_doc, "Scorer(words, pairs, kinds, idf, coef, bias, function_words)\n--\n\n"
             "pairs, kinds: int32; idf, coef, bias: float64. Holds no state of a text; may be shared by threads.");

static int scorer_init(Scorer *self, PyObject *args, PyObject *kwargs)
{
    PyObject *words, *function_words;
    Py_buffer pairs, kinds, idf, coef, bias;
    static char *names[] = {"words", "pairs", "kinds", "idf", "coef", "bias", "function_words", NULL};
    if (self->begun) {
        PyErr_SetString(PyExc_RuntimeError, "a scorer is made once");
        return -1;
    }
    self->begun = 1;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!y*y*y*y*y*O!", names, &PyList_Type, &words, &pairs, &kinds, &idf, &coef, &bias,
                                     &PyList_Type, &function_words))
        return -1;
    const Py_ssize_t real = (Py_ssize_t)sizeof(double), whole = (Py_ssize_t)sizeof(int32_t);
    int result = -1;
    self->n_words = PyList_GET_SIZE(words);
    self->n_pairs = pairs.len / (2 * whole);
    const Py_ssize_t given = idf.len / real;
    self->n_features = given + 1; /* and the unknown word */
    self->n_topics = bias.len / real;
    if (kinds.len != self->n_words * whole || given < self->n_words + self->n_pairs || given >= INT32_MAX || self->n_topics >= INT32_MAX ||
        coef.len / real != given * self->n_topics) {
        PyErr_SetString(PyExc_ValueError, "words, pairs, kinds, idf, coef and bias do not fit together");
        goto done;
    }
    if (!is_aligned(&pairs, sizeof(int32_t)) || !is_aligned(&kinds, sizeof(int32_t)) || !is_aligned(&idf, sizeof(double)) ||
        !is_aligned(&coef, sizeof(double))) {
        PyErr_SetString(PyExc_ValueError, "pairs, kinds, idf and coef must be aligned");
        goto done;
    }
    if (mark_function_words(self, words, function_words) < 0 || add_pairs(self, pairs.buf) < 0 || add_kinds(self, kinds.buf) < 0) goto done;
    float *rows = PyMem_Calloc((size_t)(self->n_features * (1 + self->n_topics)), sizeof *rows);
    self->bias = PyMem_Malloc((size_t)bias.len + 1);
    if (!rows || !self->bias || scratch_init(&self->scratch, self) < 0) {
        PyMem_Free(rows);
        PyErr_NoMemory();
        goto done;
    }
    memcpy(self->bias, bias.buf, (size_t)bias.len);
    for (Py_ssize_t i = 0; i < given; i++) {
        float *row = rows + (i + (i >= self->n_words)) * (1 + self->n_topics);
        row[0] = (float)((const double *)idf.buf)[i];
        for (Py_ssize_t t = 0; t < self->n_topics; t++) row[1 + t] = (float)((const double *)coef.buf)[i * self->n_topics + t];
    }
    for (int i = 1; i < N_LOGS; i++) self->logs[i] = log(i);
    self->rows = rows; /* last: with them the scorer is made */
    result = 0;
done:
    PyBuffer_Release(&pairs);
    PyBuffer_Release(&kinds);
    PyBuffer_Release(&idf);
    PyBuffer_Release(&coef);
    PyBuffer_Release(&bias);
    return result;
}

static PyMethodDef scorer_methods[] = {
    {"score", (PyCFunction)scorer_score, METH_O, score_doc},
    {"score_many", (PyCFunction)scorer_score_many, METH_VARARGS, score_many_doc},
    {NULL},
};

static PyTypeObject ScorerType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "models._kernel.Scorer",
    .tp_basicsize = sizeof(Scorer),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = scorer_doc,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)scorer_init,
    .tp_dealloc = (destructor)scorer_dealloc,
    .tp_methods = scorer_methods,
};

int add_scorer(PyObject *module)
{
    return PyModule_AddType(module, &ScorerType);
}
