# Runs a command as on Colab's machine: this folder is seen as /content, and the command begins in it.
#
#   sh machine.sh COMMAND ARGUMENT…
#
# In a mount namespace of its own the command gets a root folder that shows this machine's and /content beside it. Nothing
# of this is seen outside, and it is gone with the command; Drive is mounted in there, too (see stand_in).
if [ "$1" != --inside ]; then
  if [ "$(id -u)" = 0 ]; then exec unshare --mount sh "$0" --inside "$@"; fi
  exec unshare --mount --map-root-user sh "$0" --inside "$@"
fi
shift
set -e
unset PYTHONPATH # the caller's packages are not Colab's
content=$(pwd -P)
root=$content/.root
mkdir -p "$root"
mount -t tmpfs colab "$root"
for entry in /*; do
  if [ -L "$entry" ]; then
    cp -P "$entry" "$root$entry"
  elif [ -d "$entry" ] && [ "$entry" != /content ]; then
    mkdir "$root$entry"
    mount --rbind "$entry" "$root$entry"
  fi
done
mkdir "$root/content"
mount --bind "$content" "$root/content"
exec chroot "$root" sh -c 'cd /content && exec "$@"' sh "$@"
