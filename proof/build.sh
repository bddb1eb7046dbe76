#!/bin/sh
# Compiles the proofs into build/; refuses what is not proved, and any axiom but those of the library's real numbers.
set -eu
cd "$(dirname "$0")"
FILES="Activations DotProducts RoundToNearest CellStep Forward
       Products TwoProducts Backward PartialSums FlushToZero Ieee754 Satisfiable"
PACKAGES="coq libcoq-flocq libcoq-coquelicot"
AXIOMS='ClassicalDedekindReals\.sig_not_dec|ClassicalDedekindReals\.sig_forall_dec'
AXIOMS="$AXIOMS|FunctionalExtensionality\.functional_extensionality_dep|Classical_Prop\.classic"

complete() {
    command -v coqc >/dev/null && [ -d "$(coqc -where)/user-contrib/Flocq" ] &&
        [ -d "$(coqc -where)/user-contrib/Coquelicot" ]
}
if ! complete && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $PACKAGES >/dev/null
fi
complete || {
    echo "build.sh: the proofs need Coq 8.16 with Flocq and Coquelicot; on Debian: apt-get install $PACKAGES"
    exit 3
}

if grep -nwE 'Admitted|admit|Axiom|Axioms|Parameter|Parameters|Conjecture|Abort' ./*.v; then
    echo "build.sh: the lines above are not proved"
    exit 1
fi
rm -rf build
mkdir build
cp ./*.v build
cd build
for file in $FILES; do
    coqc -q -w none -Q . LSTM "$file.v"
done

echo From LSTM Require $FILES. >Assumptions.v
for file in $FILES; do
    sed -nE "s/^(Theorem|Corollary) ([A-Za-z0-9_']+).*/Print Assumptions $file.\2./p" "$file.v" >>Assumptions.v
done
coqc -q -w none -Q . LSTM Assumptions.v >assumptions.txt
foreign=$(grep -vE '^( |Axioms:|Closed under the global context)' assumptions.txt | sed 's/[ :].*//' | sort -u |
    grep -vE "^($AXIOMS)\$" || true)
[ -z "$foreign" ] || { echo "build.sh: foreign axioms: $foreign"; exit 1; }
echo "proved: $(grep -c '^Print' Assumptions.v) theorems, on these axioms of the library's real numbers:"
grep -oE "^($AXIOMS)" assumptions.txt | sort -u | sed 's/^/  /'
