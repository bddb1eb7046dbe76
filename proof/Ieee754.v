(* IEEE 754: rounding to nearest with gradual underflow (Flocq) is an instance of the error model, and of both kinds of
   dot products. *)
From Coq Require Import Reals Lra Psatz ZArith List Lia.
From Flocq Require Import Core Relative Plus_error.
From LSTM Require Import DotProducts RoundToNearest.
Import ListNotations.
Open Scope R_scope.

Section Fmt.
Variables (emin prec : Z). Hypothesis Hp : Prec_gt_0 prec. Variable choice : Z -> bool.
Notation fmt := (generic_format radix2 (FLT_exp emin prec)).
Notation fl := (round radix2 (FLT_exp emin prec) (Znearest choice)).
Notation ur := (u_ro radix2 prec).          (* 2^-prec *)
Definition e0 : R := / 2 * bpow radix2 emin. (* half the subnormal spacing *)

Lemma ur_pos : 0 <= ur. Proof. apply u_ro_pos. Qed.
Lemma e0_pos : 0 <= e0. Proof. unfold e0. pose proof (bpow_ge_0 radix2 emin). lra. Qed.

Lemma us_rel d x : Rabs d <= ur / (1 + ur) -> (1 + ur) * Rabs (x * (1 + d) - x) <= ur * Rabs x.
Proof.
  intros H. pose proof ur_pos. replace (x * (1 + d) - x) with (d * x) by ring. rewrite Rabs_mult.
  pose proof (Rabs_pos x). replace (ur * Rabs x) with ((1 + ur) * (ur / (1 + ur)) * Rabs x) by (field; lra).
  rewrite Rmult_assoc. apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat_r; lra.
Qed.

(* any operation: relative error OR absolute underflow error *)
Lemma fl_op x : (1 + ur) * Rabs (fl x - x) <= ur * Rabs x \/ Rabs (fl x - x) <= e0.
Proof.
  destruct (relative_error_N_FLT'_ex radix2 emin prec Hp choice x) as (d & e & Hd & He & Hde & ->).
  destruct (Rmult_integral _ _ Hde) as [Z|Z]; subst.
  - right. replace (x * (1 + 0) + e - x) with e by ring. exact He.
  - left. rewrite Rplus_0_r. now apply us_rel.
Qed.
Lemma fl_rnd x : rnd ur e0 x (fl x).
Proof.
  unfold rnd. pose proof ur_pos. pose proof e0_pos. pose proof (Rabs_pos x). pose proof (Rabs_pos (fl x - x)).
  destruct (fl_op x) as [A|A].
  - assert (0 <= ur * Rabs (fl x - x)) by (apply Rmult_le_pos; lra). lra.
  - assert (0 <= ur * Rabs x) by (apply Rmult_le_pos; lra). lra.
Qed.
(* additions of floats never underflow: eta = 0 (for flush-to-zero see FlushToZero.v) *)
Lemma fl_add x y : fmt x -> fmt y -> (1 + ur) * Rabs (fl (x + y) - (x + y)) <= ur * Rabs (x + y).
Proof.
  intros Fx Fy. destruct (FLT_plus_error_N_ex radix2 emin prec choice x y Fx Fy) as (d & Hd & ->). now apply us_rel.
Qed.
Lemma fl_add_rnd x y : fmt x -> fmt y -> rnd ur 0 (x + y) (fl (x + y)).
Proof.
  intros Fx Fy. unfold rnd. pose proof ur_pos. pose proof (fl_add x y Fx Fy). pose proof (Rabs_pos (fl (x + y) - (x +
    y))).
  assert (0 <= ur * Rabs (fl (x + y) - (x + y))) by (apply Rmult_le_pos; lra). lra.
Qed.
Lemma fl_nearest z g : fmt g -> Rabs (fl z - z) <= Rabs (g - z).
Proof. intros F. destruct (round_N_pt radix2 (FLT_exp emin prec) choice z) as [_ H]. now apply H. Qed.

(* hence a dot product computed by IEEE operations in any order is an instance of jr, so n u holds *)
Inductive ieee_dot : nat -> list (R * R) -> R -> Prop :=
| id_mul x y : ieee_dot 1 [(x, y)] (fl (x * y))
| id_add n1 n2 l1 l2 s1 s2 : ieee_dot n1 l1 s1 -> ieee_dot n2 l2 s2 -> ieee_dot (n1 + n2) (l1 ++ l2) (fl (s1 + s2))
| id_fma n l x y s : ieee_dot n l s -> ieee_dot (S n) ((x, y) :: l) (fl (x * y + s))
| id_skip n l x y s : ieee_dot n l s -> x * y = 0 -> ieee_dot n ((x, y) :: l) s
| id_perm n l l' s : Permutation.Permutation l l' -> ieee_dot n l s -> ieee_dot n l' s.

Lemma ieee_fmt n l s : ieee_dot n l s -> fmt s.
Proof. induction 1; auto; apply generic_format_round; auto with typeclass_instances. Qed.

Theorem ieee_is_jr n l s : ieee_dot n l s -> jr ur e0 n l s.
Proof.
  induction 1.
  - apply jr_mul. apply fl_op.
  - pose proof (ieee_fmt _ _ _ H) as F1. pose proof (ieee_fmt _ _ _ H0) as F2.
    apply jr_add with s1 s2; try assumption.
    + now apply fl_add.
    + pose proof (fl_nearest (s1 + s2) s2 F2) as N. replace (s2 - (s1 + s2)) with (- s1) in N by ring. now rewrite
      Rabs_Ropp in N.
    + pose proof (fl_nearest (s1 + s2) s1 F1) as N. replace (s1 - (s1 + s2)) with (- s2) in N by ring. now rewrite
      Rabs_Ropp in N.
  - pose proof (ieee_fmt _ _ _ H) as F1. apply jr_fma with s; [assumption|].
    destruct (fl_op (x * y + s)) as [A|A]; [left; split; [exact A|]|right; exact A].
    pose proof (fl_nearest (x * y + s) s F1) as N. replace (s - (x * y + s)) with (- (x * y)) in N by ring. now rewrite
      Rabs_Ropp in N.
  - now apply jr_skip.
  - now apply jr_perm with l.
Qed.

(* and of dot, which is what the float64 oracle is in forward_sound *)
Theorem ieee_is_dot n l s : ieee_dot n l s -> dot ur e0 n l s.
Proof.
  induction 1.
  - apply dot_mul, fl_rnd.
  - apply dot_add with s1 s2; try assumption. apply fl_rnd.
  - apply dot_fma with s; [assumption|apply fl_rnd].
  - now apply dot_skip.
  - now apply dot_perm with l.
Qed.

Theorem ieee_dot_bound n l s : (1 < prec)%Z -> INR n * ur <= 1 -> ieee_dot n l s ->
  Rabs (s - dotx l) <= dot_bound (INR n) ur e0 (dota l).
Proof.
  intros P C D. apply dot_nearest; [|apply e0_pos|assumption|now apply ieee_is_jr].
  split; [apply ur_pos|]. unfold u_ro.
  assert (bpow radix2 (- prec + 1) <= bpow radix2 0) by (apply bpow_le; lia). simpl in H. lra.
Qed.
End Fmt.
