#!/bin/bash
# Makes the database where there is none yet, applies the environment to it, and becomes the server.
set -euo pipefail
shopt -s extglob
umask 0077

data=/var/lib/mysql
# Filled first and moved then, so that a first start that was cut off is told apart from a database.
unfinished=$data/.unfinished

refuse() {
    echo "$data $1 It is left as it is." >&2
    exit 1
}

if [ -z "${MYSQL_ROOT_PASSWORD:-}" ]; then
    echo "MYSQL_ROOT_PASSWORD is not set, and without a password nobody could reach the database." >&2
    exit 1
fi
if [ -e "$data/mysql.ibd" ]; then
    refuse "holds a database of MySQL 8, which MariaDB cannot read."
fi
if [ ! -d "$data/mysql" ]; then
    if [ -e "$data/ibdata1" ] && [ ! -d "$unfinished" ]; then
        refuse "holds data but no system tables: it was damaged. Restore a backup."
    fi
    rm -rf "$unfinished"
    mariadb-install-db --datadir="$unfinished" --skip-test-db > /dev/null
    # The system tables go last: with them the database is complete.
    for path in "$unfinished"/!(mysql) "$unfinished/mysql"; do
        rm -rf "${data:?}/${path##*/}"
        mv "$path" "$data/"
    done
fi
rm -rf "$unfinished"

quoted() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\\\'}"
}
password=$(quoted "$MYSQL_ROOT_PASSWORD")
# At every start, so that a password that was made anew locks nobody out. The server's own user is for the healthcheck.
cat > /run/mysqld/init.sql <<SQL
CREATE USER IF NOT EXISTS 'mysql'@'localhost' IDENTIFIED VIA unix_socket;
CREATE USER IF NOT EXISTS 'root'@'%', 'root'@'localhost';
ALTER USER 'root'@'%' IDENTIFIED BY $password, 'root'@'localhost' IDENTIFIED BY $password;
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION;
${MYSQL_DATABASE:+CREATE DATABASE IF NOT EXISTS \`${MYSQL_DATABASE//\`/\`\`}\`;}
SQL
exec mariadbd --init-file=/run/mysqld/init.sql "$@"
