#!/bin/bash
# Makes the database where the volume is empty, with a temporary server that only its socket reaches, and becomes the server. The
# environment counts for that first start only.
set -euo pipefail

# The value of NAME, or the content of the file that NAME_FILE names.
setting() {
    local name=$1 file=$1_FILE
    if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then
        echo "$name and $file exclude each other" >&2
        exit 1
    fi
    if [ -n "${!file:-}" ]; then cat "${!file}"; else printf '%s' "${!name:-}"; fi
}

case ${1:-} in -*) set -- mysqld "$@" ;; esac
if [ "${1:-}" = mysqld ] && [ "$(id --user)" = 0 ]; then
    find /var/lib/mysql /var/run/mysqld ! -user mysql -exec chown mysql '{}' +
    exec gosu mysql "${BASH_SOURCE[0]}" "$@"
fi
if [ "${1:-}" = mysqld ] && [ ! -d /var/lib/mysql/mysql ]; then
    password=$(setting MYSQL_ROOT_PASSWORD) database=$(setting MYSQL_DATABASE)
    host=$(setting MYSQL_ROOT_HOST)
    if [ -z "$password" ] && [ -z "${MYSQL_ALLOW_EMPTY_PASSWORD:-}" ]; then
        echo "the database is not initialized, and no password option is given" >&2
        exit 1
    fi
    "$@" --initialize-insecure
    "$@" --daemonize --skip-networking --mysqlx=0 --log-error=/tmp/temporary.err --pid-file=/tmp/temporary.pid
    quoted=${password//\\/\\\\}
    quoted=${quoted//\'/\\\'}
    mysql --no-defaults --user=root --socket=/var/run/mysqld/mysqld.sock <<SQL
CREATE USER 'root'@'${host:-%}' IDENTIFIED BY '$quoted';
GRANT ALL ON *.* TO 'root'@'${host:-%}' WITH GRANT OPTION;
ALTER USER 'root'@'localhost' IDENTIFIED BY '$quoted';
${database:+CREATE DATABASE IF NOT EXISTS \`$database\`;}
SQL
    for file in /docker-entrypoint-initdb.d/*; do
        case $file in
            *.sh) bash "$file" ;;
            *.sql) MYSQL_PWD=$password mysql --user=root ${database:+"$database"} < "$file" ;;
            *.sql.zst) zstd --decompress --stdout "$file" | MYSQL_PWD=$password mysql --user=root ${database:+"$database"} ;;
        esac
    done
    MYSQL_PWD=$password mysqladmin --user=root shutdown
    while [ -e /tmp/temporary.pid ]; do sleep 0.1; done
fi
exec "$@"
