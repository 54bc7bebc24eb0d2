/* SPDX-License-Identifier: MIT
 *
 * The module of TLS, as the settings see it.
 */
#include "config.h"

#include "daemon/settings/certificates.h"

#include "os/module.h"

const struct tls_context_functions *certificates_functions(const char **ret_why)
{
    return module_symbol("tls", "tls_context_functions", ret_why);
}
