/* SPDX-License-Identifier: MIT
 *
 * The syntax of the settings file: what libconfig may do with it, and its errors in words that
 * help.
 */
#include "config.h"

#include "daemon/settings/syntax.h"

#include <string.h>

#include "daemon/settings/dialect.h"
#include "daemon/settings/table.h"

/* libconfig's word for a file that it was told to include and cannot read. */
#define INCLUDE_ERROR "cannot open include file"

#ifdef HAVE_CONFIG_SET_INCLUDE_FUNC
static const char **refuse_include(config_t *config, const char *directory, const char *path,
                                   const char **error)
{
    (void)config;
    (void)directory;
    (void)path;
    *error = INCLUDE_ERROR;
    return NULL;
}

void syntax_start(config_t *config)
{
    config_init(config);
    config_set_include_func(config, refuse_include);
}
#else
void syntax_start(config_t *config)
{
    config_init(config);
    config_set_include_dir(config, "/dev/null");
}
#endif

/* What libconfig says of the syntax, in words that fit us. */
static const char *syntax_error(const config_t *config)
{
    const char *text = config_error_text(config);

    if (strcmp(text, "memory exhausted") == 0)
        return "too many brackets in brackets";
    if (strcmp(text, INCLUDE_ERROR) == 0)
        return "other files cannot be included";
    return text;
}

/* A setting of the file itself, or its end, that stands in a group: NULL when none does. */
static const config_setting_t *find_stray(const config_setting_t *setting, bool in_group)
{
    const config_setting_t *stray = NULL;

    for (int i = 0; i < config_setting_length(setting) && stray == NULL; i++) {
        const config_setting_t *member = config_setting_get_elem(setting, (unsigned)i);
        const char *name = config_setting_name(member);
        if (in_group && name != NULL && (setting_find(settings_table(), name) != NULL ||
                                         strcmp(name, SETTINGS_END_NAME) == 0))
            return member;
        if (config_setting_is_aggregate(member))
            stray = find_stray(member, true);
    }
    return stray;
}

bool syntax_judge(config_t *config, bool whole, unsigned lines, struct faults *faults)
{
    config_setting_t *root = config_root_setting(config);
    const config_setting_t *stray = whole ? NULL : find_stray(root, false);
    unsigned line = (unsigned)config_error_line(config);

    if (stray != NULL && strcmp(config_setting_name(stray), SETTINGS_END_NAME) != 0)
        faults_add(faults, config_setting_source_line(stray), "",
                   "a closing brace is missing, somewhere before %s", config_setting_name(stray));
    else if (!whole)
        faults_add(faults, line < lines ? line : lines, "",
                   "%s, here or just before; what follows was not read", syntax_error(config));
    else if (config_setting_remove(root, SETTINGS_END_NAME) == CONFIG_FALSE)
        faults_add(faults, lines, "",
                   "a comment or a text is never closed; what follows it was not read");
    return stray != NULL;
}
