#!/bin/bash
# Makes the database where there is none yet, applies the password of the environment, and becomes the server.
set -euo pipefail
umask 0077

data=/var/lib/mysql
# Filled first and moved then, so that a first start that was cut off is told apart from a database.
unfinished=$data/.unfinished

if [ ! -d "$data/mysql" ]; then
    if [ -e "$data/ibdata1" ] && [ ! -d "$unfinished" ]; then
        echo "$data holds data but no system tables: it was damaged, and is left as it is. Restore a backup." >&2
        exit 1
    fi
    rm -rf "$unfinished"
    mariadb-install-db --datadir="$unfinished" --skip-test-db --auth-root-authentication-method=socket > /dev/null
    # The system tables go last: with them the database is complete.
    for path in $(find "$unfinished" -mindepth 1 -maxdepth 1 ! -name mysql) "$unfinished/mysql"; do
        rm -rf "${data:?}/${path##*/}"
        mv "$path" "$data/"
    done
fi
rm -rf "$unfinished"

# With every start, so that a password that was made anew locks nobody out.
password=${MYSQL_ROOT_PASSWORD:?must be set}
password=${password//\\/\\\\}
password=${password//\'/\\\'}
cat > /run/mysqld/init.sql <<SQL
CREATE USER IF NOT EXISTS 'root'@'%';
ALTER USER 'root'@'%' IDENTIFIED BY '$password';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
${MYSQL_DATABASE:+CREATE DATABASE IF NOT EXISTS \`$MYSQL_DATABASE\` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;}
SQL

exec mariadbd --init-file=/run/mysqld/init.sql --bind-address=0.0.0.0 --skip-name-resolve --performance-schema=OFF \
    --character-set-server=utf8mb4 --collation-server=utf8mb4_unicode_ci "$@"
