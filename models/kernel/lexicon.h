/* Words of a text, and their numbers in a vocabulary. Shared by the scorer and the segmenter. */
#ifndef WIRETAG_LEXICON_H
#define WIRETAG_LEXICON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

enum { PACKED = 16 /* ASCII letters that a key holds by itself */, AT_ONCE = 64 /* letters looked at together */ };

/* A word by its letters: packed into two numbers, first letter lowest, if it is short and ASCII; else by pointer. */
typedef struct {
    uint64_t low, high;
    const uint32_t *letters; /* NULL: packed */
    Py_ssize_t n;
} Key;

typedef struct {
    uint64_t low, high; /* of a packed word; a word that is not has its hash in `high` and 0 in `low` */
    int32_t index;      /* -1: a free slot */
} Slot;

/* A hash table from words to numbers. Words are verified letter by letter: equal hashes are never taken for equal words. */
typedef struct {
    Py_ssize_t n_words;
    Py_ssize_t longest; /* letters of the longest word */
    Py_ssize_t mask;    /* slots - 1; slots are a power of two, at least twice the words */
    Slot *slots;        /* and one more, which is free */
    uint8_t *filter;    /* (slots): of eight bits a slot, one is set for the hash of each word */
    Py_ssize_t *starts; /* n_words + 1: where a word's letters begin in `letters` */
    uint32_t *letters;  /* code points of all words */
} Lexicon;

/* Fill from a list of str. 0, or -1 with an exception set; the lexicon may be freed either way. */
int lexicon_init(Lexicon *lexicon, PyObject *words);
void lexicon_free(Lexicon *lexicon);

/* Runs of word characters (Python's \w) of a text in lower case. `text` must stay alive. */
typedef struct {
    PyObject *owned; /* the text in lower case where that takes more than a letter at a time, or NULL */
    int kind;
    const void *data;
    Py_ssize_t length, at; /* letters; those that were searched for words */
    const uint8_t *narrow; /* a byte a letter: itself, or WIDE if it is not ASCII */
    uint8_t *made;         /* `narrow`, unless that is the text itself */
    Py_ssize_t edges[AT_ONCE + 2]; /* where words begin and end, in turn, as far as they were found and not yet given */
    int n_edges, next_edge;
    uint64_t in_word; /* whether the letter before `at` belongs to a word */
} Words;

/* 0, or -1 with an exception set. */
int words_init(Words *words, PyObject *text);
void words_free(Words *words);
/* The next run as a key of its first `limit` letters; the number of its letters, or 0 at the end. `room` holds `limit` letters and
 * is written to only if the key cannot be packed. Needs no interpreter lock. */
Py_ssize_t words_next(Words *words, Key *key, Py_ssize_t limit, uint32_t *room);

/* Odd numbers that differ from process to process as Python's own hashes do: with known ones, a page of a megabyte could be written
 * whose words all fall into the same slots, and takes half a minute to read. */
extern uint64_t hash_secrets[2];

/* 0, or -1 with an exception set. Once a process, before anything is hashed. */
int hash_init(void);

static inline uint64_t hash_key(const Key *key)
{
    uint64_t hash;
    if (!key->letters) {
        hash = (key->low * hash_secrets[0]) ^ ((key->high + 1) * hash_secrets[1]);
    } else {
        hash = hash_secrets[1];
        for (Py_ssize_t i = 0; i < key->n; i++) {
            hash = (hash ^ key->letters[i]) * hash_secrets[0];
            hash ^= hash >> 32; /* high bits tell low ones, which only hear of lower ones */
        }
    }
    return hash ^ (hash >> 32);
}

/* Ask the memory for what finding a key will need: a vocabulary is larger than the caches near the processor. */
#if defined(__GNUC__) || defined(__clang__)
#define PREFETCH(place) __builtin_prefetch(place)
#else
#define PREFETCH(place) ((void)0)
#endif

static inline Py_ssize_t filter_bit(const Lexicon *lexicon, uint64_t hash)
{
    return (Py_ssize_t)(hash >> 20) & (lexicon->mask * 8 + 7);
}

/* The slot at which to look for a packed word: the free one for most words that are not here. No branch, since none could be
 * foreseen, and no waiting for places in memory that rare words alone lead to. */
static inline Py_ssize_t lexicon_slot(const Lexicon *lexicon, uint64_t hash)
{
    Py_ssize_t bit = filter_bit(lexicon, hash), slots[2] = {lexicon->mask + 1, (Py_ssize_t)hash & lexicon->mask};
    Py_ssize_t at = slots[lexicon->filter[bit >> 3] >> (bit & 7) & 1];
    PREFETCH(&lexicon->slots[at]);
    return at;
}

/* Index of a packed word for which to look at a slot, or -1. */
static inline int32_t lexicon_find_at(const Lexicon *lexicon, const Key *key, Py_ssize_t at)
{
    for (;; at = (at + 1) & lexicon->mask) {
        const Slot *slot = &lexicon->slots[at];
        if (slot->index < 0) return -1;
        if (slot->low == key->low && slot->high == key->high) return slot->index;
    }
}

/* Index of a word that is not packed, or -1. */
int32_t lexicon_find_letters(const Lexicon *lexicon, const Key *key);

/* Index of a word, or -1. */
static inline int32_t lexicon_find(const Lexicon *lexicon, const Key *key)
{
    return key->letters ? lexicon_find_letters(lexicon, key) : lexicon_find_at(lexicon, key, lexicon_slot(lexicon, hash_key(key)));
}

#endif
