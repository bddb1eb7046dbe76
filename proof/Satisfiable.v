(* The conditions of Forward.v can be met: by the grades, with the float64 oracle, and by exact arithmetic. *)
From Coq Require Import Reals Lra Psatz List Permutation Lia.
From LSTM Require Import Activations DotProducts Forward.
Import ListNotations.
Open Scope R_scope.

(* what Forward.v asks of a grade; oracle_r: the error of the oracle's sigma and tanh in units of 2^-53; N: the terms *)
Definition oracle_u := / 9007199254740992.
Definition oracle_r := 4.
Definition admitted (u u_acc r_s r_t N : R) : Prop :=
  oracle_u <= u /\ oracle_u <= u_acc /\ u + oracle_u <= 1 /\
  oracle_r * (1 + r_s * (u + oracle_u)) <= r_s /\ r_s * u + 2 * (oracle_r * oracle_u) <= 1 /\
  oracle_r * (1 + r_t * (u + oracle_u)) <= r_t /\ r_t * u + 2 * (oracle_r * oracle_u) <= 1 /\
  N * (N + 2) * u_acc <= 2.
Theorem float32 : admitted (/ 16777216) (/ 16777216) 10 14 5791.
Proof. unfold admitted, oracle_u, oracle_r. repeat split; lra. Qed.
Theorem float32_truncating : admitted (/ 16777216) (/ 8388608) 10 14 4095.
Proof. unfold admitted, oracle_u, oracle_r. repeat split; lra. Qed.
Theorem float64 : admitted (/ 9007199254740992) (/ 9007199254740992) 10 14 134217727.
Proof. unfold admitted, oracle_u, oracle_r. repeat split; lra. Qed.

Lemma dot_exact u eta l : 0 <= u -> 0 <= eta -> l <> [] -> dot u eta (length l) l (dotx l).
Proof.
  intros Hu He. induction l as [|[x y] l IH]; intros H; [contradiction|].
  destruct l as [|b l].
  - simpl. apply dot_mul. replace (x * y + 0) with (x * y) by ring. now apply rnd_exact.
  - assert (N : b :: l <> []) by discriminate. specialize (IH N).
    change (length ((x, y) :: b :: l)) with (S (length (b :: l))).
    apply dot_fma with (dotx (b :: l)); [exact IH|]. apply (rnd_exact u eta (x * y + dotx (b :: l))); assumption.
Qed.

Section Exact.
Variables (I H : nat) (W Um : gate -> nat -> nat -> R) (b1 b2 : gate -> nat -> R) (x : nat -> nat -> R) (c0 h0 : nat ->
  R).
(* exact arithmetic is a conforming implementation and a conforming oracle *)
Definition T_ := terms I H W Um b1 b2 x.
Definition step (t : nat) (s : (nat -> R) * (nat -> R)) (j : nat) : oval :=
  let a k := dotx (T_ t k j (fst s)) in
  let i := sigma (a GI) in let f := sigma (a GF) in let g := tanh (a GG) in let o := sigma (a GO) in
  let c := f * snd s j + i * g in
  {| va := a; vi := i; vf := f; vg := g; vo := o; vc := c; vtau := tanh c; vh := o * tanh c |}.
Fixpoint st (t : nat) : (nat -> R) * (nat -> R) :=
  match t with O => (h0, c0) | S t' => (fun j => vh (step t' (st t') j), fun j => vc (step t' (st t') j)) end.

Theorem exact_run_conforms K Or T :
  0 <= u K -> 0 <= u_acc K -> 0 <= u_h K -> 0 <= u_c K -> 0 <= r_s K -> 0 <= r_t K -> 0 <= s_abs K -> 0 <= t_abs K -> 0
    <= eta K ->
  0 <= add_eta K -> 0 <= st_eta K -> 0 <= u' Or -> 0 <= r_s' Or -> 0 <= r_t' Or -> 0 <= eta' Or -> 0 <= add_eta' Or ->
  let hh t := fst (st t) in let cc t := snd (st t) in let V t j := step t (st t) j in
  implementation_run K I H W Um b1 b2 x c0 (fun _ _ => (I + H + 2)%nat) hh cc T /\
  oracle_run Or I H W Um b1 b2 x c0 (fun _ _ => (I + H + 2)%nat) hh V T.
Proof.
  intros ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? hh cc V.
  assert (P : forall r w e a, 0 <= r -> 0 <= w -> 0 <= e -> 0 <= a -> forall z, Rabs (z - z) <= r * w * Rabs z + a * w +
    e).
  { intros. replace (z - z) with 0 by ring. rewrite Rabs_R0. pose proof (Rabs_pos z).
    assert (0 <= r * w * Rabs z) by (repeat apply Rmult_le_pos; lra). assert (0 <= a * w) by (apply Rmult_le_pos; lra).
      lra. }
  assert (P' : forall r w e, 0 <= r -> 0 <= w -> 0 <= e -> forall z, Rabs (z - z) <= r * w * Rabs z + e).
  { intros. replace (z - z) with 0 by ring. rewrite Rabs_R0. pose proof (Rabs_pos z).
    assert (0 <= r * w * Rabs z) by (repeat apply Rmult_le_pos; lra). lra. }
  assert (L : forall t k j hv, length (T_ t k j hv) = (I + H + 2)%nat).
  { intros. unfold T_, terms. rewrite !app_length, !map_length, !seq_length. simpl. lia. }
  assert (NE : forall t k j hv, T_ t k j hv <> []).
  { intros t k j hv E. pose proof (L t k j hv) as Q. rewrite E in Q. simpl in Q. lia. }
  assert (CP : forall t j, cprev c0 V t j = cc t j) by (intros [|t] j; reflexivity).
  split.
  - split; [reflexivity|]. intros t j _ _. exists (va (V t j)). split.
    + intros k. exists (I + H + 2)%nat. split; [lia|]. rewrite <- (L t k j (hh t)). apply dot_exact; auto.
    + unfold implementation_step. exists (vi (V t j)), (vf (V t j)), (vg (V t j)), (vo (V t j)), (vf (V t j) * cc t j),
      (vi (V t j) * vg (V t j)),
        (vc (V t j)), (vc (V t j)), (vtau (V t j)), (vh (V t j)).
      repeat split; try (apply P; lra); try (apply rnd_exact; assumption). now left.
  - intros t j _ _. split.
    + intros k. exists (I + H + 2)%nat. split; [lia|]. rewrite <- (L t k j (hh t)). apply dot_exact; auto.
    + unfold oracle_step. rewrite CP. pose proof (sigma_range (va (V t j) GI)). pose proof (sigma_range (va (V t j)
      GF)). pose proof (sigma_range (va (V t j) GO)).
      split; [apply Rlt_le, H16|]. split; [apply Rlt_le, H17|]. split; [apply Rlt_le, H18|].
      split; [apply P'; assumption|]. split; [apply P'; assumption|]. split; [apply P'; assumption|]. split; [apply P';
        assumption|].
      split; [apply P'; assumption|]. split; [|apply rnd_exact; assumption].
      exists (vf (V t j) * cc t j), (vi (V t j) * vg (V t j)). repeat split; apply rnd_exact; assumption.
Qed.
End Exact.
