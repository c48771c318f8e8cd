#!/usr/bin/env bash
# Slurm: a Ray cluster inside one allocation; submit again to go on where it ended.
#   sbatch --nodes=4 clusters/slurm.sh paper --gpus-per-trial 0.25
# Needs a virtual environment in .venv with clusters/requirements.txt, on a file system that all nodes share.
# Cost: the allocation, nodes x wall time. Time: `python -m study.grid --list`; GPU times were not measured.
#SBATCH --job-name=final-bn
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus-per-task=1
#SBATCH --time=12:00:00
#SBATCH --output=final-bn-%j.log
#SBATCH --signal=B:TERM@120
set -euo pipefail

# shellcheck disable=SC1091  # made by the user
source .venv/bin/activate
umask 077
RAY_AUTH_MODE=token
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_MODE RAY_AUTH_TOKEN RAY_USAGE_STATS_ENABLED=0

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head_node=${nodes[0]}
head_address=$(srun --nodes=1 --ntasks=1 -w "$head_node" hostname --ip-address | awk '{print $1}')
port=6379

srun --nodes=1 --ntasks=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" -w "$head_node" \
    ray start --head --num-cpus="$SLURM_CPUS_PER_TASK" --node-ip-address="$head_address" --port="$port" --dashboard-host=127.0.0.1 --block &
sleep 15
if [ "${#nodes[@]}" -gt 1 ]; then
    srun --nodes=$((${#nodes[@]} - 1)) --ntasks=$((${#nodes[@]} - 1)) --exclude="$head_node" --cpus-per-task="$SLURM_CPUS_PER_TASK" \
        ray start --num-cpus="$SLURM_CPUS_PER_TASK" --address="$head_address:$port" --block &
fi

export RAY_ADDRESS="$head_address:$port"
python -m study.grid "$@"
