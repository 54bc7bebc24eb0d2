/* SPDX-License-Identifier: MIT
 *
 * Questions to workers and to main. A question that was given up is freed by whoever answers it;
 * one that was answered is the asker's.
 */
#include "config.h"

#include <stdlib.h>

#include "daemon/admin/private.h"
#include "os/clock.h"
#include "os/poller.h"

enum question_state {
    QUESTION_OPEN,
    QUESTION_ANSWERED,
    QUESTION_GIVEN_UP,
};

/* Called by whoever answers. */
static void answered(struct letter *letter)
{
    struct question *question = letter->context;
    int bell = question->bell; /* the asker may free the question in the next moment */

    if (atomic_exchange(&question->state, QUESTION_ANSWERED) != QUESTION_GIVEN_UP) {
        bell_ring(bell);
        return;
    }
    if (letter->kind == LETTER_TRACE)
        free(letter->trace);
    if (letter->kind == LETTER_ERRAND && letter->errand->taken != NULL)
        letter->errand->drop(letter->errand);
    free(question);
}

struct question *question_new(const struct admin *admin, enum letter_kind kind, size_t size)
{
    struct question *question = calloc(1, size);

    if (question == NULL)
        return NULL;
    question->letter.kind = kind;
    question->letter.answered = answered;
    question->letter.context = question;
    question->bell = admin->bell;
    return question;
}

static bool wait_for(struct admin *admin, struct question *question)
{
    uint64_t until_ms = clock_mono_ms() + ADMIN_PATIENCE_MS;
    uint64_t now_ms;

    while (atomic_load(&question->state) != QUESTION_ANSWERED && !atomic_load(&admin->ending) &&
           (now_ms = clock_mono_ms()) < until_ms)
        bell_wait(admin->bell, (int)(until_ms - now_ms));
    return atomic_exchange(&question->state, QUESTION_GIVEN_UP) == QUESTION_ANSWERED;
}

bool ask_worker(struct admin *admin, unsigned worker, struct question *question)
{
    worker_post(admin->plan.workers[worker], &question->letter);
    return wait_for(admin, question);
}

struct errand_question {
    struct question question;
    struct errand errand;
};

struct errand *errand_new(const struct admin *admin, enum errand_kind kind)
{
    struct errand_question *ask = (void *)question_new(admin, LETTER_ERRAND, sizeof *ask);

    if (ask == NULL)
        return NULL;
    ask->errand.kind = kind;
    ask->question.letter.errand = &ask->errand;
    return &ask->errand;
}

static struct errand_question *question_of(struct errand *errand)
{
    return (void *)((char *)errand - offsetof(struct errand_question, errand));
}

struct errand *errand_run(struct admin *admin, struct errand *errand)
{
    if (errand == NULL)
        return NULL;
    struct question *question = &question_of(errand)->question;
    admin->plan.post(admin->plan.context, &question->letter);
    return wait_for(admin, question) ? errand : NULL;
}

void errand_free(struct errand *errand)
{
    if (errand != NULL)
        free(question_of(errand));
}
