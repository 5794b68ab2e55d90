#!/bin/sh
# Prints the CA bundle that builds should trust: the one this machine's own tools are told to use
# (behind a TLS-inspecting proxy), else the system's, else /dev/null for none.
for file in "${BUILD_CA_BUNDLE:-}" "${PIP_CERT:-}" "${REQUESTS_CA_BUNDLE:-}" "${SSL_CERT_FILE:-}" \
    /etc/ssl/certs/ca-certificates.crt; do
    if [ -s "$file" ]; then
        echo "$file"
        exit 0
    fi
done
echo /dev/null
