/*
 * Asks libmodsecurity what it makes of values, for the tests that compare it with Portcullis.
 *
 * Reads lines of `WHAT HEX`, where HEX is the value in hexadecimal and WHAT is
 *   - transformations, comma between them: the answer is the transformed value in hexadecimal;
 *   - `@detectSQLi` or `@detectXSS`: the answer is `-` for no match, or else, in hexadecimal, what the
 *     operator captured (libinjection's fingerprint, the value).
 * An argument holds directives that stand before every rule.
 * Writes the library's name and version, then one line for each. `!` in place of an answer means that the rule was
 * not taken.
 *
 * A rule for each WHAT redirects to the value it matched, as text of that length fits nowhere else: messages
 * are cut after 200 bytes.
 *
 * cc -O2 -o modsecurity modsecurity.c -lmodsecurity
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>

enum { KINDS_MAX = 128, WHAT_BYTES_MAX = 200, RULE_BYTES_MAX = 4096 };

struct kind {
    char what[WHAT_BYTES_MAX];
    RulesSet *rules; /* NULL when the rule was not taken */
};

/* Directives before every rule. */
static const char *directives = "";

static struct kind kinds[KINDS_MAX];
static int kinds_count;

static void forget(void *data, const void *message) {
    (void)data;
    (void)message;
}

/* `a,b` as `t:a,t:b,` after `t:none,`. */
static void write_transformations(char *out, size_t size, const char *what) {
    char names[WHAT_BYTES_MAX];
    snprintf(names, sizeof names, "%s", what);
    snprintf(out, size, "t:none,");
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
        size_t length = strlen(out);
        snprintf(out + length, size - length, "t:%s,", name);
    }
}

static void write_rule(char *out, size_t size, const char *what) {
    char transformations[RULE_BYTES_MAX / 4];
    if (what[0] == '@') {
        snprintf(out, size,
                 "SecRuleEngine On\n"
                 "SecRule REQUEST_HEADERS:X-V \"%s\" \"id:1,phase:1,nolog,t:none,capture,pass\"\n"
                 "SecRule TX:0 \"@unconditionalMatch\" "
                 "\"id:2,phase:1,nolog,t:none,t:hexEncode,redirect:%%{MATCHED_VAR}\"\n",
                 what);
    } else {
        write_transformations(transformations, sizeof transformations, what);
        snprintf(out, size,
                 "SecRuleEngine On\n"
                 "SecRule REQUEST_HEADERS:X-V \"@unconditionalMatch\" "
                 "\"id:1,phase:1,nolog,%st:hexEncode,redirect:=%%{MATCHED_VAR}\"\n",
                 transformations);
    }
}

static struct kind *find_kind(const char *what) {
    for (int i = 0; i < kinds_count; i++)
        if (strcmp(kinds[i].what, what) == 0)
            return &kinds[i];
    if (kinds_count == KINDS_MAX)
        return NULL;
    struct kind *kind = &kinds[kinds_count++];
    char rule[RULE_BYTES_MAX];
    const char *error = NULL;
    snprintf(kind->what, sizeof kind->what, "%s", what);
    write_rule(rule, sizeof rule, what);
    kind->rules = msc_create_rules_set();
    if (msc_rules_add(kind->rules, directives, &error) < 0 || msc_rules_add(kind->rules, rule, &error) < 0) {
        fprintf(stderr, "%s: %s\n", what, error ? error : "no reason");
        kind->rules = NULL;
    }
    return kind;
}

static void answer(ModSecurity *modsecurity, struct kind *kind, const unsigned char *value, size_t length) {
    if (!kind || !kind->rules) {
        puts("!");
        return;
    }
    Transaction *transaction = msc_new_transaction(modsecurity, kind->rules, NULL);
    ModSecurityIntervention intervention = {.status = 200};
    msc_process_connection(transaction, "127.0.0.1", 1, "127.0.0.1", 80);
    msc_process_uri(transaction, "/", "GET", "1.1");
    msc_add_n_request_header(transaction, (const unsigned char *)"X-V", 3, value, length);
    msc_process_request_headers(transaction);
    if (msc_intervention(transaction, &intervention) && intervention.url)
        puts(intervention.url[0] == '=' ? intervention.url + 1 : intervention.url);
    else
        puts("-");
    free(intervention.url);
    free(intervention.log);
    msc_transaction_cleanup(transaction);
}

static int digit(int c) {
    return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

int main(int argc, char **argv) {
    if (argc > 1)
        directives = argv[1];
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    ModSecurity *modsecurity = msc_init();
    msc_set_log_cb(modsecurity, forget);
    puts(msc_who_am_i(modsecurity));
    while ((length = getline(&line, &capacity, stdin)) > 0) {
        char *hex = strchr(line, ' ');
        if (!hex) {
            puts("!");
            continue;
        }
        *hex++ = '\0';
        size_t count = 0;
        unsigned char *value = (unsigned char *)hex;
        for (char *at = hex; at[0] > ' ' && at[1] > ' '; at += 2)
            value[count++] = (unsigned char)(digit(at[0]) << 4 | digit(at[1]));
        answer(modsecurity, find_kind(line), value, count);
    }
    return 0;
}
