#include "lexicon.h"

#include <string.h>

uint64_t hash_secrets[2];

int hash_init(void)
{
    static const char *const names[] = {"wiretag", "kernel"};
    for (int i = 0; i < 2; i++) {
        PyObject *name = PyUnicode_FromString(names[i]);
        Py_hash_t hash = name ? PyObject_Hash(name) : -1;
        Py_XDECREF(name);
        if (hash == -1) return -1;
        hash_secrets[i] = (uint64_t)hash | 1;
    }
    return 0;
}

/* Lower case of ASCII letters is a bit; digits have it, and `_` becomes what no other word character is. */
static inline uint64_t pack(uint32_t letter, Py_ssize_t place)
{
    return (uint64_t)(letter | 0x20) << (8 * place);
}

/* A key of letters in lower case; packed if it can be. */
static Key key_of(const uint32_t *letters, Py_ssize_t n)
{
    Key key = {0, 0, letters, n};
    if (n > PACKED) return key;
    for (Py_ssize_t i = 0; i < n; i++) {
        if (letters[i] >= 128) return (Key){0, 0, letters, n};
        if (i < 8) key.low |= pack(letters[i], i);
        else key.high |= pack(letters[i], i - 8);
    }
    key.letters = NULL;
    return key;
}

int32_t lexicon_find_letters(const Lexicon *lexicon, const Key *key)
{
    uint64_t hash = hash_key(key);
    for (Py_ssize_t at = (Py_ssize_t)hash & lexicon->mask; lexicon->slots[at].index >= 0; at = (at + 1) & lexicon->mask) {
        const Slot *slot = &lexicon->slots[at];
        Py_ssize_t start = lexicon->starts[slot->index];
        if (slot->low == 0 && slot->high == hash && lexicon->starts[slot->index + 1] - start == key->n &&
            memcmp(lexicon->letters + start, key->letters, (size_t)key->n * sizeof *key->letters) == 0)
            return slot->index;
    }
    return -1;
}

static int add_word(Lexicon *lexicon, Py_ssize_t index, PyObject *word)
{
    if (!PyUnicode_Check(word) || PyUnicode_GET_LENGTH(word) == 0) {
        PyErr_SetString(PyExc_TypeError, "every word must be a str, and not empty");
        return -1;
    }
    Py_ssize_t n = PyUnicode_GET_LENGTH(word), start = lexicon->starts[index];
    uint32_t *letters = lexicon->letters + start;
    for (Py_ssize_t i = 0; i < n; i++) {
        uint32_t letter = letters[i] = PyUnicode_READ_CHAR(word, i);
        if (letter < 128 && letter != '_' && (letter < 'a' || letter > 'z') && (letter < '0' || letter > '9')) {
            /* packed it could pass for another word: NUL for a space, `K` for `k` */
            PyErr_Format(PyExc_ValueError, "the word %R holds what no word of a text in lower case does", word);
            return -1;
        }
    }
    lexicon->starts[index + 1] = start + n;
    if (n > lexicon->longest) lexicon->longest = n;
    Key key = key_of(letters, n);
    if (lexicon_find(lexicon, &key) >= 0) {
        PyErr_Format(PyExc_ValueError, "the word %R stands twice", word);
        return -1;
    }
    uint64_t hash = hash_key(&key);
    Py_ssize_t at = (Py_ssize_t)hash & lexicon->mask;
    while (lexicon->slots[at].index >= 0) at = (at + 1) & lexicon->mask;
    lexicon->slots[at] = (Slot){key.low, key.letters ? hash : key.high, (int32_t)index};
    Py_ssize_t bit = filter_bit(lexicon, hash);
    lexicon->filter[bit >> 3] |= (uint8_t)(1 << (bit & 7));
    return 0;
}

int lexicon_init(Lexicon *lexicon, PyObject *words)
{
    memset(lexicon, 0, sizeof *lexicon);
    if (!PyList_Check(words)) {
        PyErr_SetString(PyExc_TypeError, "words must be a list");
        return -1;
    }
    Py_ssize_t n = PyList_GET_SIZE(words), n_letters = 0, slots = 8;
    if (n > INT32_MAX / 4) {
        PyErr_SetString(PyExc_ValueError, "too many words");
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++)
        if (PyUnicode_Check(PyList_GET_ITEM(words, i))) n_letters += PyUnicode_GET_LENGTH(PyList_GET_ITEM(words, i));
    while (slots < 2 * n) slots *= 2;
    lexicon->n_words = n;
    lexicon->mask = slots - 1;
    lexicon->slots = PyMem_Malloc((size_t)(slots + 1) * sizeof *lexicon->slots);
    lexicon->filter = PyMem_Calloc((size_t)slots, sizeof *lexicon->filter);
    lexicon->starts = PyMem_Calloc((size_t)n + 1, sizeof *lexicon->starts);
    lexicon->letters = PyMem_Calloc((size_t)n_letters + 1, sizeof *lexicon->letters);
    if (!lexicon->slots || !lexicon->filter || !lexicon->starts || !lexicon->letters) {
        PyErr_NoMemory();
        return -1;
    }
    memset(lexicon->slots, 0xff, (size_t)(slots + 1) * sizeof *lexicon->slots); /* every index -1 */
    for (Py_ssize_t i = 0; i < n; i++)
        if (add_word(lexicon, i, PyList_GET_ITEM(words, i)) < 0) return -1;
    return 0;
}

void lexicon_free(Lexicon *lexicon)
{
    PyMem_Free(lexicon->slots);
    PyMem_Free(lexicon->filter);
    PyMem_Free(lexicon->starts);
    PyMem_Free(lexicon->letters);
    memset(lexicon, 0, sizeof *lexicon);
}

enum { WIDE = 0xFF /* of a letter that is not ASCII */ };

/* One function for each width of letters: write `narrow`, and tell whether lower case takes more than a letter at a time. It does
 * for two letters alone (Unicode's SpecialCasing; a test goes through all). */
#define DEFINE_NARROW(NAME, TYPE)                                              \
    static int NAME(const TYPE *data, Py_ssize_t length, uint8_t *narrow)      \
    {                                                                          \
        int special = 0;                                                       \
        for (Py_ssize_t i = 0; i < length; i++) {                              \
            narrow[i] = data[i] < 128 ? (uint8_t)data[i] : WIDE;               \
            special |= (data[i] == 0x130) | (data[i] == 0x3A3);                \
        }                                                                      \
        return special;                                                        \
    }

DEFINE_NARROW(narrow_ucs1, Py_UCS1)
DEFINE_NARROW(narrow_ucs2, Py_UCS2)
DEFINE_NARROW(narrow_ucs4, Py_UCS4)

int words_init(Words *words, PyObject *text)
{
    words->owned = NULL;
    words->made = NULL;
    words->at = words->n_edges = words->next_edge = 0;
    words->in_word = 0;
    if (!PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "a text must be a str");
        return -1;
    }
    for (;;) {
        int special = 0;
        words->kind = PyUnicode_KIND(text);
        words->data = PyUnicode_DATA(text);
        words->length = PyUnicode_GET_LENGTH(text);
        words->narrow = words->data;
        if (PyUnicode_IS_ASCII(text)) return 0;
        if (!(words->made = PyMem_Malloc((size_t)words->length))) {
            words_free(words);
            PyErr_NoMemory();
            return -1;
        }
        words->narrow = words->made;
        switch (words->kind) {
        case PyUnicode_1BYTE_KIND: special = narrow_ucs1(words->data, words->length, words->made); break;
        case PyUnicode_2BYTE_KIND: special = narrow_ucs2(words->data, words->length, words->made); break;
        default: special = narrow_ucs4(words->data, words->length, words->made);
        }
        if (words->owned || !special) return 0;
        PyMem_Free(words->made);
        words->made = NULL;
        /* of str itself: a subclass may give anything */
        text = words->owned = PyObject_CallMethod((PyObject *)&PyUnicode_Type, "lower", "O", text);
        if (!text) return -1;
    }
}

void words_free(Words *words)
{
    PyMem_Free(words->made);
    words->made = NULL;
    Py_CLEAR(words->owned);
}

static inline Py_UCS4 letter_at(const Words *words, Py_ssize_t at)
{
    return PyUnicode_READ(words->kind, words->data, at);
}

/* Eight letters of `narrow`, the first lowest, as `pack` has them. */
static inline uint64_t load(const uint8_t *narrow)
{
    uint64_t value;
    memcpy(&value, narrow, sizeof value);
#if PY_BIG_ENDIAN
    uint64_t turned = 0;
    for (int i = 0; i < 8; i++) turned |= (value >> 8 * i & 0xFF) << 8 * (7 - i);
    return turned;
#else
    return value;
#endif
}

/* Place of the lowest bit that is set. */
static inline int lowest(uint64_t bits)
{
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_ctzll(bits);
#else
    int place = 0;
    while (!(bits >> place & 1)) place++;
    return place;
#endif
}

#define EACH(byte) ((byte) * 0x0101010101010101u) /* that byte eight times */

/* Of eight bytes below 128, the high bit of each that is `from` to `to`. */
static inline uint64_t between(uint64_t bytes, uint8_t from, uint8_t to)
{
    return (bytes + EACH(128u - from)) & ~(bytes + EACH(127u - to));
}

/* Which of eight letters of `narrow` are word characters of ASCII, and which are not ASCII: a bit each. */
static inline void look(uint64_t letters, uint64_t *in, uint64_t *wide)
{
    const uint64_t gather = 0x0002040810204081u; /* moves the high bits together */
    uint64_t ascii = letters & EACH(127u), lower = ascii | EACH(0x20u), high = letters & EACH(128u);
    uint64_t found = between(lower, 'a', 'z') | between(ascii, '0', '9') | between(ascii, '_', '_');
    *in = (found & EACH(128u) & ~high) * gather >> 56;
    *wide = high * gather >> 56;
}

/* Find the edges of words among the next letters. No branch depends on a letter of ASCII: no processor would foresee it. */
static void find_edges(Words *words)
{
    const uint8_t *narrow = words->narrow + words->at;
    Py_ssize_t left = words->length - words->at, n = left < AT_ONCE ? left : AT_ONCE;
    uint8_t last[AT_ONCE];
    uint64_t in = 0, wide = 0, edges;
    if (n < AT_ONCE) narrow = memcpy(memset(last, 0, sizeof last), narrow, (size_t)n);
    for (int i = 0; i < AT_ONCE; i += 8) {
        uint64_t eight_in, eight_wide;
        look(load(narrow + i), &eight_in, &eight_wide);
        in |= eight_in << i;
        wide |= eight_wide << i;
    }
    for (; wide; wide &= wide - 1) {
        int i = lowest(wide);
        in |= (uint64_t)(Py_UNICODE_ISALNUM(letter_at(words, words->at + i)) != 0) << i;
    }
    edges = in ^ (in << 1 | words->in_word);
    words->edges[0] = words->edges[words->next_edge]; /* where a word began that goes on here, if one does */
    words->n_edges -= words->next_edge;
    words->next_edge = 0;
    for (; edges; edges &= edges - 1) words->edges[words->n_edges++] = words->at + lowest(edges);
    words->in_word = in >> (AT_ONCE - 1);
    words->at += n;
    if (n == left && words->n_edges % 2) words->edges[words->n_edges++] = words->length;
}

/* A mask of the first `n` letters of eight. */
static inline uint64_t first_bytes(Py_ssize_t n)
{
    return n >= 8 ? ~(uint64_t)0 : n <= 0 ? 0 : ((uint64_t)1 << 8 * n) - 1;
}

Py_ssize_t words_next(Words *words, Key *key, Py_ssize_t limit, uint32_t *room)
{
    while (words->n_edges - words->next_edge < 2) {
        if (words->at >= words->length) return 0;
        find_edges(words);
    }
    Py_ssize_t start = words->edges[words->next_edge], all = words->edges[words->next_edge + 1] - start;
    Py_ssize_t n = all < limit ? all : limit;
    words->next_edge += 2;
    if (n <= PACKED) {
        const uint8_t *narrow = words->narrow + start;
        uint8_t last[PACKED];
        if (words->length - start < PACKED) narrow = memcpy(memset(last, 0, sizeof last), narrow, (size_t)n);
        key->low = load(narrow) & first_bytes(n);
        key->high = load(narrow + 8) & first_bytes(n - 8);
        if (!((key->low | key->high) & EACH(128u))) {
            key->low |= EACH(0x20u) & first_bytes(n); /* lower case; see `pack` */
            key->high |= EACH(0x20u) & first_bytes(n - 8);
            key->letters = NULL;
            key->n = n;
            return all;
        }
    }
    for (Py_ssize_t i = 0; i < n; i++) room[i] = Py_UNICODE_TOLOWER(letter_at(words, start + i));
    *key = key_of(room, n);
    return all;
}
