#!/bin/bash
# A SLURM cluster of this one machine, for trying sweeps and for tests. Debian: apt-get install slurm-wlm munge.
#   sudo docs/slurm/one_node.sh start FOLDER    starts munge and SLURM, all files under FOLDER, and says what to export
#   sudo docs/slurm/one_node.sh stop FOLDER     stops what it started
set -euo pipefail

usage="usage: $0 start|stop FOLDER"
action=${1:?$usage} folder=$(mkdir -p "${2:?$usage}" && cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)

die() { echo "error: $1" >&2; exit 2; }

stop_one() { # a daemon's name
    local pidfile="$folder/$1.pid"
    [ -s "$pidfile" ] && kill "$(cat "$pidfile")" 2>/dev/null || true
    rm -f "$pidfile"
}

end_jobs() { # what still runs or comes to its end would outlive the daemons
    export SLURM_CONF="$folder/slurm.conf"
    [ -s "$folder/slurmctld.pid" ] || return 0
    timeout 10 scancel --quiet --user="$(id -un)" 2>/dev/null || true
    for _ in $(seq 60); do
        [ -n "$(timeout 10 squeue --noheader 2>/dev/null)" ] || return 0
        sleep 0.5
    done
}

start() {
    for command in munged slurmctld slurmd sbatch; do
        command -v "$command" >/dev/null || die "'$command' is not installed; apt-get install slurm-wlm munge."
    done
    [ "$(id -u)" = 0 ] || die "slurmd must be started as root."
    mkdir -p "$folder"/{state,spool} && chmod 755 "$folder"
    start_munge
    write_config
    export SLURM_CONF="$folder/slurm.conf"
    slurmctld -c -f "$SLURM_CONF"
    slurmd -c -f "$SLURM_CONF"
    for _ in $(seq 60); do
        sinfo --noheader --format=%T 2>/dev/null | grep -q "^idle" && { advise; return; }
        sleep 0.5
    done
    die "the node does not become idle; see $folder/slurmctld.log and $folder/slurmd.log."
}

start_munge() {
    [ -f "$folder/munge.key" ] || head -c 1024 /dev/urandom >"$folder/munge.key"
    chmod 600 "$folder/munge.key"
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munge.seed"
}

write_config() {
    local memory
    memory=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
    cat >"$folder/slurm.conf" <<CONF
ClusterName=onenode
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
SchedulerParameters=sched_interval=2
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc --all) RealMemory=$memory State=UNKNOWN
PartitionName=one Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
}

advise() {
    echo "export SLURM_CONF=$folder/slurm.conf PATH=$here:\$PATH"
}

case "$action" in
    start) start ;;
    stop) end_jobs; stop_one slurmd; stop_one slurmctld; stop_one munged ;;
    *) die "$usage" ;;
esac
