(* F6 under flush-to-zero: what the addition of c loses may be counted as lost by the products, where the 2 eta of F6
   cover it. *)
From Coq Require Import Reals Lra.
From LSTM Require Import DotProducts.
Open Scope R_scope.

(* the result y of an operation whose exact result is x; eta is the smallest normal number *)
Definition ftz (u eta x y : R) : Prop :=
  (y = 0 /\ Rabs x < eta) \/ (eta <= Rabs y /\ Rabs (y - x) <= u * Rabs x) \/ (y = 0 /\ x = 0).

(* a product on its own, or the exact one inside an FMA *)
Definition factor (u eta x p : R) : Prop := ftz u eta x p \/ p = x.

Lemma factor_rnd u eta x p : 0 <= u -> 0 < eta -> factor u eta x p -> rnd u eta x p.
Proof.
  intros Hu He [Hp| ->]; [|apply rnd_exact; lra].
  unfold rnd. pose proof (Rabs_pos x). assert (0 <= u * Rabs x) by (apply Rmult_le_pos; lra).
  destruct Hp as [[-> H1]|[[_ H1]|[-> ->]]]; [|lra|].
  - replace (0 - x) with (- x) by ring. rewrite Rabs_Ropp. lra.
  - replace (0 - 0) with 0 by ring. rewrite Rabs_R0 in *. lra.
Qed.

(* a product that is not zero may be moved by less than eta *)
Lemma factor_moved u eta x p p' :
  0 <= u -> 0 < eta -> p <> 0 -> factor u eta x p -> Rabs (p' - p) <= eta -> rnd u eta x p'.
Proof.
  intros Hu He P0 Hp M. unfold rnd. pose proof (Rabs_pos x). assert (0 <= u * Rabs x) by (apply Rmult_le_pos; lra).
  replace (p' - x) with ((p' - p) + (p - x)) by ring. eapply Rle_trans; [apply Rabs_triang|].
  destruct Hp as [[[? _]|[[_ Hp]|[? _]]]|E]; try contradiction; [lra|].
  replace (p - x) with 0 by (rewrite E; ring). rewrite Rabs_R0. lra.
Qed.

Lemma rnd_same u x : 0 <= u -> rnd u 0 x x.
Proof. intros. apply rnd_exact; lra. Qed.

Theorem ftz_cell u eta x y p q s : 0 <= u -> 0 < eta ->
  factor u eta x p -> factor u eta y q -> ftz u eta (p + q) s ->
  exists p' q', rnd u eta x p' /\ rnd u eta y q' /\ rnd u 0 (p' + q') s.
Proof.
  intros Hu He Hp Hq Hs. pose proof (factor_rnd _ _ _ _ Hu He Hp) as Rx. pose proof (factor_rnd _ _ _ _ Hu He Hq) as Ry.
  destruct Hs as [[-> Hs]|[[_ Hs]|[-> Hs]]].
  - (* the sum is flushed: one product takes the other's place, with the other sign *)
    assert (Z : forall a b, a + b = 0 -> rnd u 0 (a + b) 0) by (intros a b ->; now apply rnd_same).
    destruct (Req_dec p 0) as [P0|P0].
    + destruct (Req_dec q 0) as [Q0|Q0].
      * exists 0, 0. subst p q. repeat split; try assumption. apply Z; ring.
      * exists p, (- p). repeat split; [assumption| |apply Z; ring].
        apply (factor_moved u eta y q); try assumption.
        replace (- p - q) with (- (p + q)) by ring. rewrite Rabs_Ropp. lra.
    + exists (- q), q. repeat split; [|assumption|apply Z; ring].
      apply (factor_moved u eta x p); try assumption.
      replace (- q - p) with (- (p + q)) by ring. rewrite Rabs_Ropp. lra.
  - exists p, q. repeat split; try assumption. unfold rnd. lra.
  - exists p, q. repeat split; try assumption. rewrite Hs. now apply rnd_same.
Qed.
