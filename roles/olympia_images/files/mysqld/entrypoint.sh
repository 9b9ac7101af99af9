#!/bin/bash
# Makes the database where there is none yet, applies the environment to it, and becomes the server.
set -euo pipefail
shopt -s extglob
umask 0077

data=/var/lib/mysql
# Filled first and moved then, so that a first start that was cut off is told apart from a database.
unfinished=$data/.unfinished

if command -v mariadbd > /dev/null; then
    server=(mariadbd) plugin=unix_socket other=MySQL others_file=mysql.ibd
    make_data() { mariadb-install-db --datadir="$unfinished" --skip-test-db > /dev/null; }
else
    server=(mysqld --plugin-load-add=auth_socket.so) plugin=auth_socket other=MariaDB others_file=aria_log_control
    make_data() { mysqld --initialize-insecure --datadir="$unfinished"; }
fi

refuse() {
    echo "$data $1 It is left as it is." >&2
    exit 1
}

if [ -z "${MYSQL_ROOT_PASSWORD:-}" ]; then
    echo "MYSQL_ROOT_PASSWORD is not set, and without a password nobody could reach the database." >&2
    exit 1
fi
if [ -e "$data/$others_file" ]; then
    refuse "holds a database of $other, which this server cannot read."
fi
if [ ! -d "$data/mysql" ]; then
    if [ -e "$data/ibdata1" ] && [ ! -d "$unfinished" ]; then
        refuse "holds data but no system tables: it was damaged. Restore a backup."
    fi
    rm -rf "$unfinished"
    make_data
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
CREATE USER IF NOT EXISTS 'mysql'@'localhost' IDENTIFIED WITH $plugin;
CREATE USER IF NOT EXISTS 'root'@'%', 'root'@'localhost';
ALTER USER 'root'@'%' IDENTIFIED BY $password, 'root'@'localhost' IDENTIFIED BY $password;
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
GRANT ALL PRIVILEGES ON *.* TO 'root'@'localhost' WITH GRANT OPTION;
${MYSQL_DATABASE:+CREATE DATABASE IF NOT EXISTS \`${MYSQL_DATABASE//\`/\`\`}\`;}
SQL
server+=(--init-file=/run/mysqld/init.sql)

# MySQL updates its system tables by itself.
if [ "$plugin" = unix_socket ] && [[ $(mariadbd --version) != *"$(grep --only-matching --max-count=1 '^[0-9]*\.[0-9]*\.' "$data"/m*_upgrade_info)"* ]]; then
    "${server[@]}" --skip-networking &
    until mariadb --user=mysql --execute="DO 1" 2> /dev/null; do kill -0 $!; sleep 0.1; done
    MYSQL_PWD=$MYSQL_ROOT_PASSWORD mariadb-upgrade --user=root
    kill $!
    wait $!
fi
exec "${server[@]}" "$@"
